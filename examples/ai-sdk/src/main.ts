import { createHfquant } from '@hfquant/ai-sdk'
import { demoModel } from 'hfquant/demo'
import { tellStory } from './tell-story.js'

await using hfquant = createHfquant()
// The demo model is no chat model. Leave the template and the format of calls out for one that is.
const model = hfquant(demoModel, {
  ...{ quantize: 'int8', chatTemplate: '{{ messages[-1].content }}', toolFormat: 'hermes' },
})
const { animal, ending, stars } = await tellStory(model, (piece) => process.stdout.write(piece))
console.log(`\n\nA ${ending} story about a ${animal}: ${'*'.repeat(stars)}`)
