// What llama.cpp makes of GGUF files. It may end the process instead of throwing, so it gets one of its own.
// Standard input: JSON [{ model, sequences, greedy?: { prompt, count }, texts?, contextSize? }].
// Output: for each a line of JSON { logits: [sequence][token][id], greedy, tokenized: [text][token] } or { error }.
import { text } from 'node:stream/consumers'
import { getLlama } from 'node-llama-cpp'

const requests = JSON.parse(await text(process.stdin))
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: 1 })

/** A cache and scores in float32, so that only the order of sums differs. */
const EXACT = {
  flashAttention: false,
  experimentalKvCacheKeyType: 'F32',
  experimentalKvCacheValueType: 'F32',
}

async function answer({ model: modelPath, sequences, greedy, texts = [], contextSize = 256 }) {
  const model = await llama.loadModel({ modelPath })
  const context = await model.createContext({ contextSize, threads: 1, ...EXACT })
  const sequence = context.getSequence()
  const logits = []
  for (const ids of sequences) {
    await sequence.clearHistory()
    const results = await sequence.controlledEvaluate(
      ids.map((id) => [id, { generateNext: { logits: true } }]),
    )
    logits.push(
      results.map(({ next }) => {
        const row = []
        for (const [id, value] of next.logits) row[id] = value
        return row
      }),
    )
  }
  const tokens = []
  if (greedy !== undefined) {
    await sequence.clearHistory()
    for await (const token of sequence.evaluate(greedy.prompt, { temperature: 0, yieldEogToken: true })) {
      if (tokens.push(token) === greedy.count) break
    }
  }
  const tokenized = texts.map((each) => model.tokenize(each))
  await model.dispose()
  return { logits, greedy: tokens, tokenized }
}

for (const request of requests) {
  const result = await answer(request).catch(({ message }) => ({ error: message }))
  console.log(JSON.stringify(result))
}
await llama.dispose()
