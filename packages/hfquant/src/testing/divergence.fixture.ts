import { storyList } from '../demo/index.js'
import { AutoModelForCausalLM } from '../index.js'

/** Logarithms of the probabilities of every next token of 20 stories that the demo model has not seen. */
export async function logProbabilities(
  model: string,
  options: Parameters<typeof AutoModelForCausalLM.fromPretrained>[1] = {},
): Promise<readonly Float64Array[]> {
  await using opened = await AutoModelForCausalLM.fromPretrained(model, options)
  const tokenizer = (await opened.tokenizer())!
  const rows: Float64Array[] = []
  for (const story of storyList({ seed: 2, stories: 20 })) {
    const inputIds = [[...tokenizer.encode(story), tokenizer.eosTokenId!]]
    const { logits, shape } = await opened.forward({ inputIds })
    for (let row = 0; row + 1 < shape[1]; row++)
      rows.push(logSoftmax(logits.subarray(row * shape[2], (row + 1) * shape[2])))
  }
  return rows
}

function logSoftmax(values: Float32Array): Float64Array {
  const sum = values.reduce((total, value) => total + Math.exp(value), 0)
  return Float64Array.from(values, (value) => value - Math.log(sum))
}

/** Mean of KL(wanted || found) over the predictions. */
export function divergence(wanted: readonly Float64Array[], found: readonly Float64Array[]): number {
  const each = wanted.map((row, i) =>
    row.reduce((sum, p, token) => sum + Math.exp(p) * (p - found[i]![token]!), 0),
  )
  return each.reduce((sum, value) => sum + value, 0) / wanted.length
}
