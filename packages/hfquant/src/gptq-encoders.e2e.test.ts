import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GPTQConfig } from '@hfquant/gptq'
import { testFolder, tinyConfig, writeTinyModel } from '@hfquant/testkit'
import { expect, test } from 'vitest'
import { AutoModelForSequenceClassification, type LoadModelOptions } from './index.js'
import { golden } from './testing/golden.fixture.js'

const folder = testFolder()
const albert = golden('architectures/albert-sequence')
const config = JSON.parse(readFileSync(join(albert, 'config.json'), 'utf8'))

/** Sequences whose tokens are below `size`. */
const sequences = (size: number) =>
  Array.from({ length: 16 }, (_, row) =>
    Array.from({ length: 40 }, (_, at) => (at * at * (row + 3) + 7 * at) % size),
  )

const load = (model: string, options: LoadModelOptions = {}) =>
  AutoModelForSequenceClassification.fromPretrained(model, { ...options, compute: 'exact', cache: false })

async function logitsOf(model: Awaited<ReturnType<typeof load>>, size: number): Promise<number[]> {
  const results = await model.forward({ inputIds: sequences(size) })
  return results.flatMap(({ logits }) => [...logits])
}

/** The golden itself, and layers that take turns: two groups of two, each of which is run twice. */
test.each<[string, () => Promise<string>, number]>([
  ['layers of a golden, run twice each', async () => albert, 53],
  [
    'groups of layers that take turns',
    () => {
      const shape = { ...config, num_hidden_groups: 2, inner_group_num: 2 }
      return writeTinyModel(join(folder, 'turns'), tinyConfig(shape, { layers: 4, hidden: 64, inner: 64 }))
    },
    96,
  ],
])('GPTQ fits %s, and comes nearer than rounding', async (_name, make, size) => {
  const from = await make()
  await using float = await load(from)
  const wanted = await logitsOf(float, size)
  const distance = (found: readonly number[]) =>
    Math.hypot(...found.map((value, index) => value - wanted[index]!))
  const settings = { bits: 4, groupSize: -1 } as const
  await using rounded = await load(from, {
    quantizationConfig: new GPTQConfig({ ...settings, method: 'rtn' }),
  })
  const dataset = sequences(size)
  await using fitted = await load(from, { quantizationConfig: new GPTQConfig({ ...settings, dataset }) })
  expect(fitted.quantization!.skipped).toEqual(rounded.quantization!.skipped)
  const found = await logitsOf(fitted, size)
  expect(distance(found)).toBeGreaterThan(0)
  expect(distance(found)).toBeLessThan(distance(await logitsOf(rounded, size)))
  const saved = join(folder, `${size}-saved`)
  await fitted.savePretrained(saved)
  await using reloaded = await load(saved)
  expect(await logitsOf(reloaded, size)).toEqual(found)
})
