import { castFloats, widenFloats } from '@hfquant/kernels'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Int8DynamicActivationIntxWeightConfig, Int8WeightOnlyConfig, perGroup } from './index.js'
import { configs, matrices } from './testing/any-weight.fixture.js'
import { dequantizeBothWays, expectFormat, quantizeBothWays, weightOf } from './testing/run-format.fixture.js'

describe('worked example', () => {
  const source = new Uint8Array(Float32Array.of(0.5, -1, 0.25, 0.75, 0, 2, -0.125, 1).buffer)
  const weight = weightOf([2, 4], 'float32')
  const quantize = (config: Int8WeightOnlyConfig | Int8DynamicActivationIntxWeightConfig) => {
    const { formula } = quantizeBothWays(expectFormat(config.formatFor(weight)), weight, source)
    return {
      codes: [...new Int8Array(formula.get('_weight_qdata')!.buffer)],
      scales: [...new Float32Array(formula.get('_weight_scale')!.buffer)],
      zeros: [...new Int8Array(formula.get('_weight_zero_point')!.buffer)],
    }
  }
  const int4 = (weightMappingType: 'SYMMETRIC' | 'SYMMETRIC_NO_CLIPPING_ERR' | 'ASYMMETRIC') =>
    new Int8DynamicActivationIntxWeightConfig({
      weightDtype: 'int4',
      weightGranularity: perGroup(4),
      weightMappingType,
    })

  test.each([
    [
      'int8 per row',
      new Int8WeightOnlyConfig(),
      [64, -127, 32, 96, 0, 127, -8, 64],
      [0.007843138, 0.015686275],
      [0, 0],
    ],
    ['int4 symmetric', int4('SYMMETRIC'), [4, -7, 2, 6, 0, 7, 0, 4], [0.13333334, 0.26666668], [0, 0]],
    [
      'int4 no clipping error',
      int4('SYMMETRIC_NO_CLIPPING_ERR'),
      [4, -8, 2, 6, 0, 7, 0, 3],
      [0.125, 0.2857143],
      [0, 0],
    ],
    ['int4 asymmetric', int4('ASYMMETRIC'), [5, -8, 3, 7, -7, 7, -8, 0], [0.11666667, 0.14166667], [1, -7]],
  ])('%s', (_name, config, codes, scales, zeros) => {
    expect(quantize(config)).toEqual({ codes, scales: scales.map(Math.fround), zeros })
  })
})

describe('any weight', () => {
  test.each(configs)(
    '%s: kernel and formula make the same bytes, and the error stays within a step',
    (_name, bits, config) => {
      fc.assert(
        fc.property(matrices, ({ rows, columns, dtype, size, values }) => {
          const weight = weightOf([rows, columns], dtype)
          const format = expectFormat(config.formatFor(weight))
          const wide = Float32Array.from(values.slice(0, rows * columns), (value) => value * size)
          const source = castFloats(new Uint8Array(wide.buffer), 'float32', dtype)
          const { kernel, formula } = quantizeBothWays(format, weight, source)
          expect(kernel).toEqual(formula)

          const restored = dequantizeBothWays(format, weight, formula)
          expect(restored.kernel).toEqual(restored.formula)
          if (dtype !== 'float32' || bits === 'offset') return
          const codes = new Int8Array(formula.get('_weight_qdata')!.buffer)
          const narrow = format.components(weight)[1]!.dtype === 'bfloat16'
          const scales = widenFloats(formula.get('_weight_scale')!, narrow ? 'bfloat16' : 'float32')
          const groupSize = codes.length / scales.length
          for (const [i, value] of restored.formula.entries()) {
            // The outermost codes also stand for what lies up to a step beyond them.
            const clipped = codes[i] === -(2 ** (bits - 1)) || codes[i] === 2 ** (bits - 1) - 1
            const step = scales[Math.floor(i / groupSize)]! * (1 + 1e-4)
            // A scale of eight significant bits, and its reciprocal, move a quotient by as much again.
            const rounding = narrow ? Math.abs(wide[i]!) * 2 ** -7 : 0
            expect(Math.abs(value - wide[i]!)).toBeLessThanOrEqual((clipped ? step : step / 2) + rounding)
          }
        }),
        { numRuns: 60 },
      )
    },
  )
})

test('a row that does not divide into groups stays in float', () => {
  const choice = new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4' }).formatFor(
    weightOf([4, 40], 'bfloat16'),
  )
  expect(choice).toEqual({ skip: 'its 40 input features are not a multiple of the group size 32' })
})
