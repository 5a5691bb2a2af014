// What pipelines of @huggingface/transformers give.
// Standard input: JSON [{ task, model, calls: [[...arguments]] }].
// Output: for each a line of JSON { results: [...], streamed? } or { error }; a tensor is { type, dims, data }.
import { text } from 'node:stream/consumers'
import { env, pipeline, Tensor } from '@huggingface/transformers'

env.allowRemoteModels = false
const requests = JSON.parse(await text(process.stdin))

const plain = (result) =>
  result instanceof Tensor ? { type: result.type, dims: result.dims, data: Array.from(result.data) } : result

async function answer({ task, model, calls }) {
  const options = { dtype: 'fp32', session_options: { intraOpNumThreads: 1 } }
  const run = await pipeline(task, model, options)
  const results = []
  for (const call of calls) results.push(plain(await run(...call)))
  await run.dispose()
  return { results }
}

for (const request of requests) {
  const result = await answer(request).catch(({ message }) => ({ error: message }))
  console.log(JSON.stringify(result))
}
