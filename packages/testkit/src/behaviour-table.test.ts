import { readFileSync } from 'node:fs'
import type { QuantizationConfig } from '@hfquant/core'
import { expect, test } from 'vitest'
import { conformanceChecks, type FrontDoor } from './index.js'
import { roundToNearest } from './testing/round-to-nearest.fixture.js'

const config: QuantizationConfig = roundToNearest()

/** Opens nothing: titles are all that is asked for. */
const frontDoor: FrontDoor = { fromPretrained: () => Promise.reject(new TypeError('not used')) }

const backends = ['torchao', 'bitsandbytes', 'gptq']

/** "… (rows 3, 17)" and "… (row 4)" in the titles of tests. */
const rowsOf = (text: string): readonly number[] =>
  [...text.matchAll(/\(rows? ([\d, ]+)\)/g)].flatMap(([, rows]) => rows!.split(', ').map(Number))

test('every row of the behaviour table stands in the title of a test', () => {
  const titles = conformanceChecks(roundToNearest, {
    configs: { one: { config } },
    ...{ embeddings: config, calibrated: { one: config }, loadingAttributes: {} },
    ...{ frontDoor, published: { one: '' } },
  }).map(({ title }) => title)
  // What only one method has stands in the names of its own options.
  const own = [...backends.map((name) => `../../${name}/src/conformance.test.ts`), './plug-in.test.ts'].map(
    (path) => readFileSync(new URL(path, import.meta.url), 'utf8'),
  )
  const rows = new Set([...titles, ...own].flatMap(rowsOf))
  expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 37 }, (_, index) => index + 1))
})
