import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoModelForCausalLM, AutoTokenizer, type LoadModelOptions } from 'hfquant'
import { demoModel, storyList } from 'hfquant/demo'
import { hqq } from 'hfquant-backend-hqq'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-hqq-'))
process.env.HFQUANT_CACHE = join(folder, 'cache')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a model predicts for some stories: log-probabilities, [vocabulary] for every token. */
async function predictions(options: LoadModelOptions): Promise<Float64Array[]> {
  const tokenizer = await AutoTokenizer.fromPretrained(demoModel)
  await using model = await AutoModelForCausalLM.fromPretrained(demoModel, options)
  const rows: Float64Array[] = []
  for (const story of storyList({ seed: 2, stories: 12 })) {
    const { logits, shape } = await model.forward({ inputIds: [tokenizer.encode(story)] })
    const vocabulary = shape[2]
    for (let at = 0; at < logits.length; at += vocabulary) {
      rows.push(logSoftmax(Float64Array.from(logits.subarray(at, at + vocabulary))))
    }
  }
  return rows
}

function logSoftmax(logits: Float64Array): Float64Array {
  const largest = logits.reduce((most, value) => Math.max(most, value))
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0)
  return logits.map((value) => value - largest - Math.log(sum))
}

/** Mean Kullback-Leibler divergence per token, in nats. */
function divergence(wanted: readonly Float64Array[], found: readonly Float64Array[]): number {
  let sum = 0
  wanted.forEach((row, token) => {
    row.forEach((expected, id) => {
      sum += Math.exp(expected) * (expected - found[token]![id]!)
    })
  })
  return sum / wanted.length
}

describe('the demo model diverges less than with rounding to the nearest on the same grid', () => {
  let float: Float64Array[]
  beforeAll(async () => {
    float = await predictions({})
  })

  test.each([
    { nbits: 4, groupSize: 64 },
    { nbits: 3, groupSize: 32 },
    { nbits: 3, groupSize: 16 },
  ] as const)('%j', async (grid) => {
    const solved = await predictions({ quantizationConfig: hqq(grid) })
    const rounded = await predictions({ quantizationConfig: hqq({ ...grid, optimize: false }) })
    expect(divergence(float, solved)).toBeLessThan(divergence(float, rounded))
    expect(divergence(float, solved)).toBeGreaterThan(0)
  })
})
