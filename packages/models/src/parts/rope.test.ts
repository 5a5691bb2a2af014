import { describe, expect, test } from 'vitest'
import { configReader } from '../config/config-reader.js'
import { readRope } from '../config/read-rope.js'
import { type RopeScaling, ropeFrequencies } from './rope.js'

const read = (json: object) => readRope(configReader({ ...json }), { headSize: 64, positions: 256 })
const frequencies = (scaling: RopeScaling, width = 64) =>
  ropeFrequencies({ width, order: 'half', theta: 10000, scaling }).frequencies

describe('rope settings', () => {
  test('are those of the older and the newer spelling alike', () => {
    const older = read({ rope_theta: 5e5, rope_scaling: { type: 'linear', factor: 4 } })
    const newer = read({ rope_parameters: { rope_theta: 5e5, rope_type: 'linear', factor: 4 } })
    expect(older).toEqual(newer)
  })

  test('may turn a part of the head only', () => {
    expect(read({ partial_rotary_factor: 0.5 }).width).toBe(32)
    expect(read({ rope_parameters: { partial_rotary_factor: 0.25 } }).width).toBe(16)
  })
})

describe('rotary frequencies', () => {
  test('linear scaling divides all of them', () => {
    const scaled = frequencies({ type: 'linear', factor: 4 })
    expect(scaled).toEqual(frequencies({ type: 'default' }).map((frequency) => frequency / 4))
  })

  test('llama3 scaling keeps the fast ones, divides the slow ones, and is monotonous between', () => {
    const scaling = {
      type: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositions: 64,
    } as const
    const [plain, scaled] = [frequencies({ type: 'default' }), frequencies(scaling)]
    expect(scaled[0]).toBe(plain[0])
    expect(scaled[31]).toBe(Math.fround(plain[31]! / 8))
    for (let index = 1; index < 32; index++) expect(scaled[index]).toBeLessThan(scaled[index - 1]!)
  })
})
