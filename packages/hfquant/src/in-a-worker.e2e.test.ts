import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM } from './index.js'

const OPTIONS = { maxNewTokens: 8, temperature: 0 }

it('a thread of the application loads and runs a model, whose threads are then threads of a thread', async () => {
  const program = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.library).then(async ({ AutoModelForCausalLM }) => {
      const model = await AutoModelForCausalLM.fromPretrained(workerData.model)
      const pieces = []
      for await (const { text } of model.generate('One morning', workerData.options)) pieces.push(text)
      await model.dispose()
      parentPort.postMessage(pieces.join(''))
    })`
  const library = new URL('../dist/index.js', import.meta.url).href
  const workerData = { library, model: demoModel, options: OPTIONS }
  const thread = new Worker(program, { eval: true, workerData })
  const [text] = await once(thread, 'message')
  await thread.terminate()

  await using model = await AutoModelForCausalLM.fromPretrained(demoModel)
  let expected = ''
  for await (const piece of model.generate('One morning', OPTIONS)) expected += piece.text
  expect(text).toBe(expected)
})
