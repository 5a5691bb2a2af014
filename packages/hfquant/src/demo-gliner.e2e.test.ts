import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { demoGliner, type LabelledText, labelledTexts } from './demo/index.js'
import { GLiNER, inspectModel, quantizeModel, recipe } from './index.js'

const root = testFolder()

/** Texts that training has not seen, and the F1 that the Python library reaches on them with the same weights. */
const SETS = [
  { options: { seed: 900001, count: 300 }, f1: 0.9964 },
  { options: { seed: 900002, count: 300, from: 'test' }, f1: 0.9303 },
] as const

/** Of exact matches of start, end and label. */
async function f1Of(model: GLiNER, examples: readonly LabelledText[]): Promise<number> {
  const labels = examples.map((example) => example.labels)
  const texts = examples.map(({ text }) => text)
  const found = await model.batchPredictEntities(texts, labels)
  const keysOf = (entities: LabelledText['entities']) =>
    new Set(entities.map(({ start, end, label }) => `${start} ${end} ${label}`))
  let [hits, sizes] = [0, 0]
  for (const [index, { entities }] of examples.entries()) {
    const [wanted, given] = [keysOf(entities), keysOf(found[index]!)]
    hits += [...given].filter((key) => wanted.has(key)).length
    sizes += wanted.size + given.size
  }
  return (2 * hits) / sizes
}

describe('the bundled GLiNER', () => {
  test('finds what it finds in Python, and in int8 hardly less, in half of the bytes', async () => {
    const out = join(root, 'int8')
    await quantizeModel(demoGliner, out, { quantizationConfig: await recipe('int8-weight-only') })
    await using float = await GLiNER.fromPretrained(demoGliner)
    await using int8 = await GLiNER.fromPretrained(out)
    for (const { options, f1 } of SETS) {
      const examples = labelledTexts(options)
      const reached = await f1Of(float, examples)
      expect(Math.abs(reached - f1), `${reached} on ${JSON.stringify(options)}`).toBeLessThan(0.002)
      expect(await f1Of(int8, examples)).toBeGreaterThan(f1 - 0.01)
    }
    const [before, after] = [await inspectModel(demoGliner), await inspectModel(out)]
    expect(after.bytesOnDisk).toBeLessThan(before.bytesOnDisk)
    expect(after.quantization?.method).toBe('torchao')
  })
})
