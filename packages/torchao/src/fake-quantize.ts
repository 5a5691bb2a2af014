import { type FloatDtype, roundHalfToEven } from '@hfquant/core'
import { roundToDtype, SCALE_FLOORS } from '@hfquant/kernels'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import { chooseFormat, type FloatWeight } from './float-weight.js'
import type { AffineScheme } from './tensors/torchao-format.js'

/**
 * What quantizing a weight and restoring it makes of its values, computed in floats: for quantization-aware training,
 * where a forward pass sees the values that the quantized model will have. Equal to `convert(weight, config).dequantize()`
 * bit for bit.
 *
 * @returns [outFeatures, inFeatures], numbers of the weight's dtype.
 * @throws as `chooseFormat`: ConfigError, CheckpointError or CapabilityError.
 */
export function fakeQuantize(weight: FloatWeight, config: TorchAoBaseConfig): Float32Array {
  const { format } = chooseFormat(weight, config)
  const { values, dtype = 'float32' } = weight
  const { scheme } = format
  const result = new Float32Array(values.length)
  if (scheme === undefined) throw new TypeError(`${format.name} has no scheme`)
  const size = scheme.kind === 'affine' && scheme.shared ? values.length : scheme.groupSize
  for (let start = 0; start < values.length; start += size) {
    const group = values.subarray(start, start + size)
    const restored =
      scheme.kind === 'affine' ? restoreAffine(group, dtype, scheme) : restoreOffset(group, dtype)
    result.set(restored, start)
  }
  return result
}

/** clamp(rint(w / s) + z) back to (code - z) * s, each operation rounded as torchao rounds it. */
function restoreAffine(
  group: Float32Array,
  dtype: FloatDtype,
  { bits, mapping, eps, scaleDtype }: AffineScheme,
): Float32Array {
  const [low, high] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
  const inDtype = (value: number) => roundToDtype(dtype, value)
  const least = group.reduce((least, value) => Math.min(least, value), 0)
  const most = group.reduce((most, value) => Math.max(most, value), 0)
  const exact = {
    symmetric: () => inDtype(Math.max(-least, most) / ((high - low) / 2)),
    symmetricNoClippingErr: () => Math.max(inDtype(least / low), inDtype(most / high)),
    asymmetric: () => inDtype(inDtype(most - least) / (high - low)),
  }[mapping]()
  const raised = Math.max(exact, SCALE_FLOORS[eps][dtype])
  const scale = roundToDtype(scaleDtype, raised)
  const inverse = roundToDtype(scaleDtype, 1 / scale)
  const steps = roundHalfToEven(inDtype(least / raised))
  const zero = mapping === 'asymmetric' ? clamp(low - steps, low, high) : 0
  const productDtype = dtype === scaleDtype ? dtype : 'float32'
  return group.map((value) => {
    const code = clamp(roundHalfToEven(roundToDtype(productDtype, value * inverse)) + zero, low, high)
    return inDtype(Math.fround((code - zero) * scale))
  })
}

const SMALLEST_RANGE = Math.fround(1e-6)

/** clamp(rint((w - lo) / s)) - 8 back to code * s + z; computed in float32, scale and offset kept in the weight's dtype. */
function restoreOffset(group: Float32Array, dtype: FloatDtype): Float32Array {
  const { fround } = Math
  const least = group.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
  const most = group.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const step = fround(Math.max(fround(most - least), SMALLEST_RANGE) / 15)
  const scale = roundToDtype(dtype, step)
  const offset = roundToDtype(dtype, fround(least + fround(8 * step)))
  return group.map((value) => {
    const code = clamp(roundHalfToEven(fround(fround(value - least) / step)), 0, 15) - 8
    return roundToDtype(dtype, fround(fround(code * scale) + offset))
  })
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)
