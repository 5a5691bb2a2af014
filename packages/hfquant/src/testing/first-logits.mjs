// Loads a model, computes once and says what that took: node first-logits.mjs FOLDER RECIPE
import { createHash } from 'node:crypto'
import { AutoModelForCausalLM, recipe } from 'hfquant'

const [folder, name] = process.argv.slice(2)
const stages = new Set()
const model = await AutoModelForCausalLM.fromPretrained(folder, {
  quantizationConfig: await recipe(name),
  onProgress({ stage, done, total }) {
    stages.add(stage)
    process.send?.({ stage, done, total })
  },
})
const { logits } = await model.forward({ inputIds: [[0, 17, 42]] })
await model.dispose()
console.log(
  JSON.stringify({ stages: [...stages], logits: createHash('sha256').update(logits).digest('hex') }),
)
