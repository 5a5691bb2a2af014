import type { Dtype } from '@hfquant/core'
import { castFloats, roundToDtype, runKernel } from '@hfquant/kernels'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import { chooseFormat, type FloatWeight } from './float-weight.js'
import { allocateParts, componentRows, floatRows } from './weight-parts.js'

/** A tensor of a quantized weight, as a checkpoint stores it. */
export interface ConvertedTensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

export interface ConvertedWeight {
  /** "int8 per row" */
  readonly format: string
  /** By name below the module: "_weight_qdata". */
  readonly tensors: ReadonlyMap<string, ConvertedTensor>
  /** The values that the tensors stand for, [outFeatures, inFeatures], rounded to the weight's dtype. */
  dequantize(): Float32Array
}

/**
 * Quantizes one weight in memory, for a layer that was trained with `fakeQuantize`. A whole model is converted by
 * quantizing it with the recipe that it was trained with.
 *
 * @throws as `chooseFormat`: ConfigError, CheckpointError or CapabilityError.
 */
export function convert(weight: FloatWeight, config: TorchAoBaseConfig): ConvertedWeight {
  const { info, format } = chooseFormat(weight, config)
  const { values } = weight
  const { outFeatures, inFeatures, dtype } = info
  const components = format.components(info)
  const parts = allocateParts(format, info)
  const call = format.quantizeKernel!(info)
  const params = { ...call.params, rows: outFeatures, columns: inFeatures, dtype }
  const outputs = (call.components ?? [...parts.keys()]).map((key) => parts.get(key)!)
  runKernel(call.kernel, params, [castFloats(bytesOf(values), 'float32', dtype)], outputs)
  format.finish?.(componentRows(parts), info)
  return {
    format: format.name,
    tensors: new Map(
      components.map(({ key, dtype, shape }) => [key, { dtype, shape, bytes: parts.get(key)! }]),
    ),
    dequantize() {
      const restored = new Float32Array(values.length)
      format.dequantize(componentRows(parts), floatRows(restored, inFeatures), info)
      return restored.map((value) => roundToDtype(dtype, value))
    },
  }
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
