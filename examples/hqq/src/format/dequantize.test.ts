import { bfloat16ToFloat32, float16ToFloat32, roundToDtype } from '@hfquant/kernels'
import { describe, expect, test } from 'vitest'
import { bytesOf, caseLayer } from '../testing/case-parts.fixture.js'
import { cases, floats, type RawTensor } from '../testing/golden.fixture.js'
import { dequantize, readCodes, readParameters } from './stored-parts.js'

const channelWise = cases.filter(({ channel_wise }) => channel_wise)

describe.each(channelWise)('$name', (golden) => {
  test('has the values of the reference, which rounds both steps to its compute dtype', async () => {
    const { weight, layout, tensors } = await caseLayer(golden)
    const parameters = readParameters(bytesOf(tensors), layout)
    const values = new Float32Array(weight.outFeatures * weight.inFeatures)
    const codes = new Uint8Array(values.length)
    readCodes(tensors.get('W_q')!.bytes, layout, 0, codes)
    dequantize(codes, parameters, layout, 0, values, (value) => roundToDtype(golden.compute_dtype, value))
    const wanted = widened(tensors.get('dequantized')!)
    expect(values).toEqual(wanted)

    // In float32 from the stored parameters: the bounds of goldens/README.md.
    dequantize(codes, parameters, layout, 0, values)
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const bound = { float32: 0, float16: 2.5e-4, bfloat16: 2.9e-3 }[golden.compute_dtype]
    values.forEach((value, index) => {
      expect(Math.abs(value - wanted[index]!)).toBeLessThanOrEqual(bound * largest)
    })
  })
})

function widened(tensor: RawTensor): Float32Array {
  if (tensor.dtype === 'F32') return floats(tensor)
  const widen = tensor.dtype === 'F16' ? float16ToFloat32 : bfloat16ToFloat32
  return Float32Array.from(new Uint16Array(tensor.bytes.slice().buffer), widen)
}
