import { ConfigError } from '@hfquant/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  convert,
  fakeQuantize,
  Int8DynamicActivationInt8WeightConfig,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  perRow,
  perTensor,
} from './index.js'
import { configs, matrices } from './testing/any-weight.fixture.js'
import { inDtype } from './testing/run-format.fixture.js'
import { thrown } from './testing/thrown.fixture.js'

describe('any weight', () => {
  test.each(configs)(
    '%s: fake quantization is quantizing and restoring, bit for bit',
    (_name, _bits, config) => {
      fc.assert(
        fc.property(matrices, ({ rows, columns, dtype, size, values }) => {
          const wide = Float32Array.from(values.slice(0, rows * columns), (value) => value * size)
          const weight = {
            values: inDtype(wide, dtype),
            outFeatures: rows,
            inFeatures: columns,
            dtype,
          }
          const faked = fakeQuantize(weight, config)
          expect(faked).toEqual(convert(weight, config).dequantize())
          expect(faked).toEqual(inDtype(faked, dtype))
        }),
        { numRuns: 60 },
      )
    },
  )
})

describe('fakeQuantize', () => {
  const values = new Float32Array(80).fill(0.5)

  test('names layer, columns and group when a row does not divide into groups', () => {
    const weight = { values, outFeatures: 2, inFeatures: 40, path: 'layers.0.fc' }
    for (const apply of [fakeQuantize, convert]) {
      const error = thrown(() => apply(weight, new Int8DynamicActivationIntxWeightConfig()))
      expect(ConfigError.isInstance(error) && error.code).toBe('WEIGHT_NOT_QUANTIZABLE')
      for (const word of ['layers.0.fc', '40', '32']) expect((error as Error).message).toContain(word)
    }
  })

  test('refuses values that no integer stands for, and shapes that do not hold the values', () => {
    const poisoned = { values: values.with(7, Number.NaN), outFeatures: 2, inFeatures: 40 }
    const config = new Int8WeightOnlyConfig()
    expect(thrown(() => fakeQuantize(poisoned, config))).toMatchObject({ code: 'TENSOR_NOT_FINITE' })
    expect(thrown(() => convert({ values, outFeatures: 3, inFeatures: 40 }, config))).toMatchObject({
      code: 'SHAPE_MISMATCH',
    })
  })

  test('convert names the tensors as a checkpoint does', () => {
    const { format, tensors } = convert(
      { values, outFeatures: 2, inFeatures: 40 },
      new Int8DynamicActivationInt8WeightConfig({ granularity: [perRow(), perTensor()] }),
    )
    expect(format).toBe('int8 for the whole weight, dynamic int8 activations')
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['_weight_qdata', 'int8', [2, 40]],
      ['_weight_scale', 'float32', [1, 1]],
      ['_weight_zero_point', 'int8', [1, 1]],
    ])
  })
})
