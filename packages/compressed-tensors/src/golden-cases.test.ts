import type { ComponentRows, FloatRows, QuantizedFormat, TensorInfo } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { recoverSettings } from './recover-settings.js'
import { formatOf, type GoldenCase, goldenCases } from './testing/golden-cases.fixture.js'
import { runLayers } from './testing/run-layers.fixture.js'

/** Some rows of a weight, from those of its components, as the loader cuts them. */
function restore(
  format: QuantizedFormat,
  { weight, bytes }: GoldenCase,
  first: number,
  count: number,
): Float32Array {
  const { outFeatures, inFeatures } = weight
  const parts = (key: string): Uint8Array => {
    const { layout = 'rows' } = format.components(weight).find((component) => component.key === key)!
    const rowBytes = bytes(key).length / outFeatures
    return layout === 'rows'
      ? bytes(key).slice(first * rowBytes, (first + count) * rowBytes)
      : bytes(key).slice()
  }
  const values = new Float32Array(count * inFeatures)
  const rows: FloatRows = {
    ...{ first, count },
    at: (row) => values.subarray(row * inFeatures, (row + 1) * inFeatures),
  }
  format.dequantize({ bytes: parts } as ComponentRows, rows, weight)
  return values
}

const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer)

describe.each(goldenCases.map((each) => [each.name, each] as const))('%s', (_, own) => {
  const { weight, dequantized } = own

  test('is restored to the bit, whatever rows are asked for', async () => {
    const format = await formatOf(own)
    expect(bits(restore(format, own, 0, weight.outFeatures))).toEqual(bits(dequantized))
    const [first, count] = [5, weight.outFeatures - 6]
    expect(bits(restore(format, own, first, count))).toEqual(
      bits(dequantized.subarray(first * weight.inFeatures, (first + count) * weight.inFeatures)),
    )
  })

  test('needs no config.json: headers tell how it is read', async () => {
    const size = { dtype: 'float16', shape: [weight.inFeatures] } as const
    const tensors = new Map<string, TensorInfo>([['norm.weight', size]])
    for (const [key, tensor] of own.stored.tensors) tensors.set(`layer.${key}`, tensor)
    const recovered = recoverSettings({ metadata: {}, tensors })!
    const format = await formatOf({ ...own, groups: recovered.groups })
    expect(bits(restore(format, own, 0, weight.outFeatures))).toEqual(bits(dequantized))
  })
})

test('products hold the weights: integers exactly, eight-bit floats within max / 128, joined four-bit ones within max / 192', async () => {
  const layers = await Promise.all(
    goldenCases.map(async (own) => {
      const { inFeatures } = own.weight
      const format = await formatOf(own)
      // A token with a single 1 loses nothing when it is rounded.
      const x = Float32Array.from({ length: inFeatures ** 2 }, (_, at) => Number(at % (inFeatures + 1) === 0))
      return { weight: own.weight, stored: own.bytes, x, lower: format.lower! }
    }),
  )
  const products = await runLayers(layers)
  const largestOf = (values: Float32Array) =>
    values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (const [at, { name, weight, dequantized }] of goldenCases.entries()) {
    const { inFeatures, outFeatures } = weight
    const isFloat8 = /^(float_|naive_float|mxfp8)/.test(name)
    // Blocks of 16 columns, four of which are given one scale.
    const isJoined = name.startsWith('nvfp4')
    // The operator takes the middle of the codes off the sum, in float32.
    const rounding = largestOf(dequantized) * 1e-6
    for (let row = 0; row < outFeatures; row++) {
      const values = dequantized.subarray(row * inFeatures, (row + 1) * inFeatures)
      const largest = largestOf(values)
      const bound = rounding + (isFloat8 ? largest / 128 : isJoined ? largest / 192 : 0)
      for (let column = 0; column < inFeatures; column++) {
        const error = Math.abs(products[at]![column * outFeatures + row]! - values[column]!)
        if (!(error <= bound)) expect.fail(`${name}: ${error} in row ${row}, column ${column}`)
      }
    }
  }
})
