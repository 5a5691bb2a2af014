// What llama.cpp makes of a GGUF file. It may end the process instead of throwing, so it gets one of its own.
// Argument: JSON { model, sequences, greedy?: { prompt, count }, texts? }.
// Output: JSON { logits: [sequence][token][id], greedy, tokenized: [text][token] }.
import { getLlama } from 'node-llama-cpp'

const { model: modelPath, sequences, greedy, texts = [] } = JSON.parse(process.argv[2])
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: 1 })
const model = await llama.loadModel({ modelPath })
const context = await model.createContext({ contextSize: 256, threads: 1 })
const sequence = context.getSequence()

const logits = []
for (const ids of sequences) {
  await sequence.clearHistory()
  const results = await sequence.controlledEvaluate(ids.map((id) => [id, { generateNext: { logits: true } }]))
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
const tokenized = texts.map((text) => model.tokenize(text))
console.log(JSON.stringify({ logits, greedy: tokens, tokenized }))
await llama.dispose()
