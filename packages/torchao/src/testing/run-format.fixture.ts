import {
  type ComponentRows,
  elementCount,
  type FloatRows,
  type KernelCall,
  type QuantizedFormat,
  type Skip,
  tensorBytes,
  type WeightInfo,
} from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'

type Parts = ReadonlyMap<string, Uint8Array>

/** The components that a format makes of a whole weight, by its kernel and by its formula. */
export function quantizeBothWays(
  format: QuantizedFormat,
  weight: WeightInfo,
  source: Uint8Array,
): { readonly kernel: Parts; readonly formula: Parts } {
  const call = format.quantizeKernel!(weight)
  const formula = emptyParts(format, weight)
  format.quantize!(floatRows(toFloat32(source, weight), weight.inFeatures), viewParts(formula), weight)
  const kernel = emptyParts(format, weight)
  const keys = call.components ?? [...kernel.keys()]
  const outputs = keys.map((key) => kernel.get(key)!)
  runKernel(call.kernel, kernelParams(call, weight, weight.dtype), [source], outputs)
  for (const parts of [kernel, formula]) {
    format.finish?.(viewParts(parts), weight)
    for (const { key } of format.scratch?.(weight) ?? []) parts.delete(key)
  }
  return { kernel, formula }
}

/** The float32 values of a whole weight [N, K], by the kernel and by the formula. */
export function dequantizeBothWays(
  format: QuantizedFormat,
  weight: WeightInfo,
  parts: Parts,
): { readonly kernel: Float32Array; readonly formula: Float32Array } {
  const size = weight.outFeatures * weight.inFeatures
  const formula = new Float32Array(size)
  format.dequantize(viewParts(parts), floatRows(formula, weight.inFeatures), weight)
  const call = format.dequantizeKernel?.(weight)
  if (call === undefined) return { kernel: formula, formula }
  const kernel = new Float32Array(size)
  const inputs = (call.components ?? [...parts.keys()]).map((key) => parts.get(key)!)
  runKernel(call.kernel, kernelParams(call, weight, 'float32'), inputs, [new Uint8Array(kernel.buffer)])
  return { kernel, formula }
}

export function expectFormat<Format extends QuantizedFormat>(choice: Format | Skip): Format {
  if ('skip' in choice) throw new Error(`expected a format, found: ${choice.skip}`)
  return choice
}

const kernelParams = (call: KernelCall, weight: WeightInfo, dtype: string) => ({
  ...call.params,
  rows: weight.outFeatures,
  columns: weight.inFeatures,
  dtype,
})

const emptyParts = (format: QuantizedFormat, weight: WeightInfo): Map<string, Uint8Array> =>
  new Map(
    [...format.components(weight), ...(format.scratch?.(weight) ?? [])].map(({ key, dtype, shape }) => [
      key,
      new Uint8Array(tensorBytes(dtype, shape)),
    ]),
  )

function toFloat32(source: Uint8Array, { dtype, outFeatures, inFeatures }: WeightInfo): Float32Array {
  const values = new Float32Array(elementCount([outFeatures, inFeatures]))
  runKernel('cast', { from: dtype, to: 'float32' }, [source], [new Uint8Array(values.buffer)])
  return values
}

const floatRows = (values: Float32Array, columns: number): FloatRows => ({
  first: 0,
  count: values.length / columns,
  at: (row) => values.subarray(row * columns, (row + 1) * columns),
})

function viewParts(parts: Parts): ComponentRows {
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
