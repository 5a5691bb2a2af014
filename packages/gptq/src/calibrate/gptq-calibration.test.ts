import { createScratchArrays, type LevelTools, type SeenGroup } from '@hfquant/calibrate'
import { expect, test } from 'vitest'
import { DEFAULTS } from '../config/settings.js'
import { gptqCalibration } from './gptq-calibration.js'

const settings = { ...DEFAULTS, dataset: ['a text'] }

/** Of one weight [2, 2], whose panel is its whole product. */
const group = (tokens: number): SeenGroup => ({
  ...{ tokens, width: 2, weights: [], moments: [Float32Array.of(1, 0, 0, 1)] },
})

test.each([
  ['Hessians are made of them', 1000],
  ['too few tokens came to make Hessians', 1],
])('sums of products are let go before weights are made where %s', async (_, tokens) => {
  const groups = [group(tokens), group(tokens)]
  const stopwatch = { measure: <T>(_phase: string, work: () => Promise<T>) => work() }
  const scratch = createScratchArrays()
  const tools = { tokens: 1000, sequences: 10, scratch, stopwatch, warn() {} } as unknown as LevelTools
  for await (const _weight of gptqCalibration(settings).level(groups, tools));
  expect(groups.map(({ moments }) => moments)).toEqual([[], []])
})
