import type { FloatDtype, KernelCall, QuantizedFormat, Skip, WeightInfo } from '@hfquant/core'
import { castFloats, runKernel, widenFloats } from '@hfquant/kernels'
import { allocateParts, componentRows, floatRows, type WeightParts } from '../weight-parts.js'

/** A weight of a linear layer, [outFeatures, inFeatures]. */
export const weightOf = (shape: readonly [number, number], dtype: FloatDtype): WeightInfo => ({
  path: 'layer',
  kind: 'linear',
  outFeatures: shape[0],
  inFeatures: shape[1],
  dtype,
})

/** float32 values rounded to the dtype. */
export const inDtype = (values: Float32Array, dtype: FloatDtype): Float32Array =>
  widenFloats(castFloats(new Uint8Array(values.buffer), 'float32', dtype), dtype)

/** The components that a format makes of a whole weight, by its kernel and by its formula. */
export function quantizeBothWays(
  format: QuantizedFormat,
  weight: WeightInfo,
  source: Uint8Array,
): { readonly kernel: WeightParts; readonly formula: WeightParts } {
  const call = format.quantizeKernel!(weight)
  const formula = allocateParts(format, weight)
  format.quantize!(
    floatRows(widenFloats(source, weight.dtype), weight.inFeatures),
    componentRows(formula),
    weight,
  )
  const kernel = allocateParts(format, weight)
  const keys = call.components ?? [...kernel.keys()]
  const outputs = keys.map((key) => kernel.get(key)!)
  runKernel(call.kernel, kernelParams(call, weight, weight.dtype), [source], outputs)
  for (const parts of [kernel, formula]) {
    format.finish?.(componentRows(parts), weight)
    for (const { key } of format.scratch?.(weight) ?? []) parts.delete(key)
  }
  return { kernel, formula }
}

/** The float32 values of a whole weight [N, K], by the kernel and by the formula. */
export function dequantizeBothWays(
  format: QuantizedFormat,
  weight: WeightInfo,
  parts: WeightParts,
): { readonly kernel: Float32Array; readonly formula: Float32Array } {
  const size = weight.outFeatures * weight.inFeatures
  const formula = new Float32Array(size)
  format.dequantize(componentRows(parts), floatRows(formula, weight.inFeatures), weight)
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
