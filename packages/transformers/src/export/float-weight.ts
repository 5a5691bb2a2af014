import {
  CapabilityError,
  CheckpointError,
  dequantizedChunks,
  elementCount,
  type FloatDtype,
  isFloatDtype,
  joinPath,
  type Module,
  type Parameter,
  parameterChunks,
  parameterSource,
  QuantizedModule,
  rowChunks,
  type WeightSlot,
} from '@hfquant/core/runtime'
import { floatBytes, runKernel } from '@hfquant/kernels'

/** Floats of a loaded model, whatever they are stored in. Their bytes are made piece by piece. */
export interface FloatWeight {
  /** Name in the checkpoint: "model.layers.0.mlp.up_proj.weight". */
  readonly name: string
  readonly dtype: FloatDtype
  /** [outFeatures, inFeatures], or [size] of a bias or norm. */
  readonly shape: readonly number[]
  /** Row-major, in pieces that may end anywhere. */
  chunks(): AsyncIterable<Uint8Array>
}

/** Everything that a module owns, by the key it has there; a quantized weight is restored while it is read. */
export function floatWeights(path: string, module: Module): ReadonlyMap<string, FloatWeight> {
  if (!(module instanceof QuantizedModule)) {
    return new Map(
      [...module.parameters].map(([key, parameter]) => {
        return [key, stored(joinPath(path, key), parameter, key === 'weight' ? module.slot : undefined)]
      }),
    )
  }
  const { info: weight, bias } = module
  const restored: FloatWeight = {
    name: joinPath(path, 'weight'),
    dtype: 'float32',
    shape: [weight.outFeatures, weight.inFeatures],
    chunks: () => dequantizedChunks(module),
  }
  const weights = new Map([['weight', restored]])
  return bias === undefined ? weights : weights.set('bias', stored(joinPath(path, 'bias'), bias))
}

function stored(name: string, parameter: Parameter, slot?: WeightSlot): FloatWeight {
  const { dtype, shape } = parameter
  if (!isFloatDtype(dtype)) {
    throw new CapabilityError('EXPORT_DTYPE', `"${name}" is stored as ${dtype}, expected floats`, {
      tensor: name,
      found: dtype,
    })
  }
  if (slot === undefined) return { name, dtype, shape, chunks: () => parameterChunks(parameter, dtype) }
  return {
    ...{ name, dtype, shape: [slot.outFeatures, slot.inFeatures] },
    chunks: () => rowChunks({ source: parameterSource(parameter), slot, dtype }),
  }
}

/** Bytes of one row; a bias or norm has rows of one value. */
export const rowBytes = ({ shape, dtype }: Pick<FloatWeight, 'shape' | 'dtype'>): number =>
  elementCount(shape.slice(1)) * floatBytes(dtype)

/** The same bytes in pieces that hold a whole number of groups of `groupBytes`. */
export async function* inGroups(
  chunks: AsyncIterable<Uint8Array>,
  groupBytes: number,
): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0)
  for await (const chunk of chunks) {
    const bytes = rest.byteLength === 0 ? chunk : new Uint8Array(Buffer.concat([rest, chunk]))
    const whole = bytes.byteLength - (bytes.byteLength % groupBytes)
    if (whole > 0) yield bytes.subarray(0, whole)
    rest = bytes.subarray(whole)
  }
}

/** Smallest value that rounds to infinity in float16. */
const FLOAT16_LIMIT = 65520

/**
 * True when one of these values of a weight is too large for float16.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE
 */
export function exceedsFloat16(values: Uint8Array, weight: FloatWeight): boolean {
  const { dtype } = weight
  const largest = new Float32Array(1)
  const params = { dtype, rows: 1, columns: values.byteLength / floatBytes(dtype) }
  runKernel('rowAbsMax', params, [values], [new Uint8Array(largest.buffer)])
  if (!Number.isFinite(largest[0])) throw notFinite(weight)
  return largest[0]! >= FLOAT16_LIMIT
}

/** No block format can hold NaN or infinity, and llama.cpp computes nonsense from them without a word. */
export const notFinite = ({ name }: FloatWeight): CheckpointError =>
  new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${name}" holds NaN or infinity, or values too large for a block's scale`,
    { tensor: name, hint: 'Repair the checkpoint; no exported format can hold these values.' },
  )
