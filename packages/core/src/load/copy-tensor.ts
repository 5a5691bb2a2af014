import type { ByteRange } from '@hfquant/kernels'
import { dtypeBits, elementCount, isFloatDtype } from '../shell/dtype.js'
import type { Parameter } from '../shell/parameter.js'
import { subRange, subRanges } from './byte-range.js'
import { type FloatPassage, notFinite } from './not-finite.js'
import { rowRanges, rowsPerPiece, type StreamContext, settleOnFailure } from './stream-context.js'
import type { TensorSource } from './tensor-source.js'

/**
 * Copies a tensor in pieces, cast to the parameter's dtype where the stored one differs.
 *
 * Resolves once every piece is under way; `done` resolves when the last byte is written.
 *
 * @param targets the ranges that the tensor is written to, one behind the other.
 * @param origin names the tensor in errors
 * @throws CheckpointError TENSOR_NOT_FINITE for floats that are NaN or infinity, or become it in the parameter's dtype.
 */
export async function copyTensor(
  { dtype: stored, ranges }: Pick<TensorSource, 'dtype' | 'ranges'>,
  parameter: Pick<Parameter, 'dtype' | 'shape' | 'isComponent'>,
  targets: readonly ByteRange[],
  context: StreamContext,
  origin: Pick<FloatPassage, 'tensor' | 'file'>,
): Promise<{ readonly done: Promise<void> }> {
  // Floats of one dtype are cast as well: that looks at every value on its way.
  const cast = stored !== parameter.dtype || (isFloatDtype(stored) && !parameter.isComponent)
  const refuse = () => {
    throw notFinite({ ...origin, from: stored, to: parameter.dtype })
  }
  const sourceBytes = ranges.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const units = cast ? elementCount(parameter.shape) : sourceBytes
  const fromBytes = cast ? dtypeBits(stored) / 8 : 1
  const toBytes = cast ? dtypeBits(parameter.dtype) / 8 : 1
  const kernel = cast
    ? { kernel: 'cast', params: { from: stored, to: parameter.dtype } }
    : { kernel: 'copy', params: {} }
  const options = context.signal === undefined ? {} : { signal: context.signal }
  const pieces: Promise<unknown>[] = []
  await settleOnFailure(pieces, async () => {
    // Whole numbers grow when they become floats: what is written counts as well as what is read.
    const heldBytes = Math.max(fromBytes, toBytes)
    for (const [first, end] of rowRanges(units, rowsPerPiece(heldBytes, 1, context))) {
      const grant = await context.budget.acquire((end - first) * heldBytes, context.signal)
      const steps = [...pairRanges(ranges, targets, [first, end], [fromBytes, toBytes])].map(
        ([input, output]) => context.pool.run({ ...kernel, inputs: [input], outputs: [output] }, options),
      )
      const piece = settleOnFailure(steps, () => Promise.all(steps)).finally(() => grant.release())
      pieces.push(piece.then((results) => results.some(({ nonFinite }) => nonFinite > 0) && refuse()))
      pieces.at(-1)!.catch(() => {})
    }
  })
  const done = settleOnFailure(pieces, () => Promise.all(pieces))
  return { done: done.then(() => {}) }
}

/** Cuts the elements `first` to `end` - 1 so that each piece lies in one range of either side. */
function* pairRanges(
  sources: readonly ByteRange[],
  targets: readonly ByteRange[],
  [first, end]: readonly [number, number],
  [fromBytes, toBytes]: readonly [number, number],
): Generator<readonly [input: ByteRange, output: ByteRange]> {
  let at = first
  for (const input of subRanges(sources, first * fromBytes, (end - first) * fromBytes)) {
    const count = input.byteLength / fromBytes
    let offset = 0
    for (const output of subRanges(targets, at * toBytes, count * toBytes)) {
      const bytes = (output.byteLength / toBytes) * fromBytes
      yield [subRange(input, offset, bytes), output]
      offset += bytes
    }
    at += count
  }
}
