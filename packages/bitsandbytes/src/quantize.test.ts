import { CapabilityError } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { BitsAndBytesConfig } from './index.js'
import { float32 } from './testing/golden.fixture.js'
import { loadLinear } from './testing/load-linear.fixture.js'
import { failure } from './testing/stored-parts.fixture.js'

describe('quantizing while loading', () => {
  const make = (values: readonly number[], shape: readonly [number, number], options: object) =>
    loadLinear({
      ...{
        tensors: new Map([['weight', float32(values, shape)]]),
        outFeatures: shape[0],
        inFeatures: shape[1],
      },
      ...{ config: new BitsAndBytesConfig(options), preQuantized: false },
    })

  test.each([{ loadIn4bit: true }, { loadIn4bit: true, bnb4bitUseDoubleQuant: true }, { loadIn8bit: true }])(
    '%j refuses NaN and infinity',
    async (options) => {
      for (const wrong of [Number.NaN, -Infinity]) {
        expect(await failure(make([1, 2, wrong, 4], [2, 2], options))).toMatchObject({
          code: 'TENSOR_NOT_FINITE',
          tensor: 'model.fc.weight',
        })
      }
    },
  )

  test('int8 refuses what float16 cannot hold', async () => {
    expect((await failure(make([1, 70_000], [1, 2], { loadIn8bit: true }))).code).toBe('TENSOR_NOT_FINITE')
  })

  test('packed bytes that do not divide into words are refused, others are stored in words', async () => {
    const options = { loadIn4bit: true, bnb4bitQuantStorage: 'bfloat16' }
    await expect(make([1, 2, 3], [1, 3], { ...options, bnb4bitQuantStorage: 'float32' })).rejects.toSatisfy(
      (error) => CapabilityError.isInstance(error),
    )
    const values = Array.from({ length: 256 }, (_, i) => Math.cos(i))
    const words = await make(values, [4, 64], options)
    const bytes = await make(values, [4, 64], { loadIn4bit: true })
    expect(words.parts.get('weight')!.shape).toEqual([64, 1])
    expect(words.module.component('weight').dtype).toBe('bfloat16')
    expect(words.parts.get('weight')!.bytes).toEqual(bytes.parts.get('weight')!.bytes)
    expect(words.dequantized).toEqual(bytes.dequantized)
  })

  test('the profile of a GPU gives other FP4 bytes for the same values', async () => {
    const values = Array.from({ length: 256 }, (_, i) => (i % 7 === 0 ? 1e-4 : Math.cos(i)))
    const cpu = await make(values, [4, 64], { loadIn4bit: true })
    const cuda = await make(values, [4, 64], { loadIn4bit: true, profile: 'cuda' })
    expect(cuda.parts.get('weight')!.bytes).not.toEqual(cpu.parts.get('weight')!.bytes)
    expect(cuda.dequantized).toEqual(cpu.dequantized)
  })
})
