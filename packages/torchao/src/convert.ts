import {
  type Component,
  type ComponentRows,
  type Dtype,
  type FloatDtype,
  type FloatRows,
  tensorBytes,
} from '@hfquant/core'
import { roundToDtype, runKernel } from '@hfquant/kernels'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import { chooseFormat, type FloatWeight } from './float-weight.js'

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
  const parts = allocate([...components, ...(format.scratch?.(info) ?? [])])
  const call = format.quantizeKernel!(info)
  const params = { ...call.params, rows: outFeatures, columns: inFeatures, dtype }
  const outputs = (call.components ?? [...parts.keys()]).map((key) => parts.get(key)!)
  runKernel(call.kernel, params, [encode(values, dtype)], outputs)
  format.finish?.(rowsOf(parts), info)
  return {
    format: format.name,
    tensors: new Map(
      components.map(({ key, dtype, shape }) => [key, { dtype, shape, bytes: parts.get(key)! }]),
    ),
    dequantize() {
      const restored = new Float32Array(values.length)
      format.dequantize(rowsOf(parts), floatRows(restored, outFeatures, inFeatures), info)
      return restored.map((value) => roundToDtype(dtype, value))
    },
  }
}

type Parts = ReadonlyMap<string, Uint8Array>

const allocate = (components: readonly Component[]): Parts =>
  new Map(components.map(({ key, dtype, shape }) => [key, new Uint8Array(tensorBytes(dtype, shape))]))

function encode(values: Float32Array, dtype: FloatDtype): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (dtype === 'float32') return bytes
  const narrow = new Uint8Array(values.length * 2)
  runKernel('cast', { from: 'float32', to: dtype }, [bytes], [narrow])
  return narrow
}

const floatRows = (values: Float32Array, count: number, columns: number): FloatRows => ({
  first: 0,
  count,
  at: (row) => values.subarray(row * columns, (row + 1) * columns),
})

function rowsOf(parts: Parts): ComponentRows {
  const bytes = (key: string) => parts.get(key)!
  const buffer = (key: string) => bytes(key).buffer as ArrayBuffer
  return {
    bytes,
    uint8: bytes,
    int8: (key) => new Int8Array(buffer(key)),
    int32: (key) => new Int32Array(buffer(key)),
    float32: (key) => new Float32Array(buffer(key)),
    uint16: (key) => new Uint16Array(buffer(key)),
  }
}
