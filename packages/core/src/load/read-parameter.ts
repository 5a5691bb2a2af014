import { holdsNonFinite, runKernel } from '@hfquant/kernels'
import type { Dtype } from '../contract/tensor.js'
import { dtypeBits, elementCount, isFloatDtype } from '../shell/dtype.js'
import type { Parameter } from '../shell/parameter.js'
import type { QuantizedModule } from '../shell/quantized-module.js'
import { storagePath } from '../shell/storage-range.js'
import { joinBytes } from './byte-range.js'
import { castValues } from './cast-values.js'
import { isCutInRows } from './component-range.js'
import { componentRows, floatRows } from './component-rows.js'
import { notFinite } from './not-finite.js'
import { readBytesHere } from './read-rows.js'
import { parameterSource } from './tensor-source.js'

const PIECE_BYTES = 4 * 2 ** 20

/** All bytes of a parameter, in its own dtype. For tensors that fit in memory beside each other. */
export async function readParameter(parameter: Parameter): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of parameterChunks(parameter, parameter.dtype)) pieces.push(piece)
  return joinBytes(pieces)
}

/**
 * The bytes of a parameter in pieces, cast to `dtype` where it is stored in another one.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE for floats that are NaN or infinity, or become it in one of the dtypes.
 */
export async function* parameterChunks(parameter: Parameter, dtype: Dtype): AsyncGenerator<Uint8Array> {
  const stored = storedDtype(parameter)
  const isCast = stored !== parameter.dtype
  const isLookedAt = isFloatDtype(dtype) && !parameter.isComponent
  const unit = isCast ? dtypeBits(stored) / 8 : 1
  const total = isCast ? elementCount(parameter.shape) : parameter.byteLength
  const piece = Math.floor(PIECE_BYTES / Math.max(unit, isCast ? dtypeBits(dtype) / 8 : 1))
  if (total === 0) yield new Uint8Array(0)
  for (let first = 0; first < total; first += piece) {
    const count = Math.min(piece, total - first)
    const raw = await storedBytes(parameter, first * unit, count * unit)
    const values = castThrough(raw, stored, parameter.dtype, dtype)
    if (isLookedAt && holdsNonFinite(values, dtype)) throw refusal(parameter, stored, dtype)
    yield values
  }
}

/**
 * The float32 values of a quantized weight [outFeatures, inFeatures], in pieces of whole rows.
 */
export async function* dequantizedChunks(module: QuantizedModule): AsyncGenerator<Uint8Array> {
  const { info: weight, format, components } = module
  const step = format.rowsPerStep ?? 1
  const rowsAtOnce = Math.max(
    step,
    Math.floor(PIECE_BYTES / 4 / Math.max(weight.inFeatures, 1) / step) * step,
  )
  const whole = new Map<string, Uint8Array>()
  for (const component of components) {
    const { key } = component
    if (!isCutInRows(component)) whole.set(key, await readParameter(module.component(key)))
  }
  for (let first = 0; first < weight.outFeatures; first += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, weight.outFeatures - first)
    const parts = new Map(whole)
    for (const { key } of components) {
      if (whole.has(key)) continue
      const parameter = module.component(key)
      const start = (parameter.byteLength * first) / weight.outFeatures
      const end = (parameter.byteLength * (first + rows)) / weight.outFeatures
      parts.set(key, await storedBytes(parameter, start, end - start))
    }
    const values = new Float32Array(rows * weight.inFeatures)
    const kernel = format.dequantizeKernel?.(weight)
    if (kernel !== undefined && kernel.module === undefined) {
      const keys = kernel.components ?? [...parts.keys()]
      const params = { ...kernel.params, rows, columns: weight.inFeatures, dtype: 'float32', first }
      runKernel(
        kernel.kernel,
        params,
        keys.map((key) => parts.get(key)!),
        [bytesOf(values)],
      )
    } else {
      format.dequantize(componentRows(parts), floatRows(values, weight.inFeatures, first), weight)
    }
    yield bytesOf(values)
  }
}

const storedDtype = ({ storage }: Parameter): Dtype => {
  if (storage.kind === 'meta') throw new TypeError('a parameter on the meta device has no bytes')
  return storage.dtype
}

const storedBytes = (parameter: Parameter, offset: number, byteLength: number): Promise<Uint8Array> =>
  readBytesHere(parameterSource(parameter), offset, byteLength)

/** A value is what the parameter's dtype makes of it, even when it is then widened again. */
const castThrough = (raw: Uint8Array, stored: Dtype, own: Dtype, wanted: Dtype): Uint8Array =>
  castValues(castValues(raw, stored, own), own, wanted)

/** Of the two casts, the error names the one that loses the values. */
const refusal = (parameter: Parameter, from: Dtype, to: Dtype) => {
  const { storage, dtype: own } = parameter
  const { tensor = 'a tensor' } = storage.kind === 'file' || storage.kind === 'parts' ? storage : {}
  return notFinite({ tensor, file: storagePath(parameter), from, to: own === 'float16' ? own : to })
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
