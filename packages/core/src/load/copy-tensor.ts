import type { ByteRange } from '@hfquant/kernels'
import type { Dtype } from '../contract/tensor.js'
import { dtypeBits, elementCount } from '../shell/dtype.js'
import type { Parameter } from '../shell/parameter.js'
import { subRange } from './byte-range.js'
import { rowRanges, rowsPerPiece, type StreamContext, settleOnFailure } from './stream-context.js'

/**
 * Copies a tensor in pieces, cast to the parameter's dtype where the stored one differs.
 *
 * Resolves once every piece is under way; `done` resolves when the last byte is written.
 */
export async function copyTensor(
  source: ByteRange,
  stored: Dtype,
  parameter: Pick<Parameter, 'dtype' | 'shape'>,
  target: ByteRange,
  context: StreamContext,
): Promise<{ readonly done: Promise<void> }> {
  const cast = stored !== parameter.dtype
  const units = cast ? elementCount(parameter.shape) : source.byteLength
  const fromBytes = cast ? dtypeBits(stored) / 8 : 1
  const toBytes = cast ? dtypeBits(parameter.dtype) / 8 : 1
  const pieces: Promise<unknown>[] = []
  await settleOnFailure(pieces, async () => {
    for (const [first, end] of rowRanges(units, rowsPerPiece(fromBytes, 1, context))) {
      const grant = await context.budget.acquire((end - first) * fromBytes, context.signal)
      const task = {
        kernel: cast ? 'cast' : 'copy',
        params: cast ? { from: stored, to: parameter.dtype } : {},
        inputs: [subRange(source, first * fromBytes, (end - first) * fromBytes)],
        outputs: [subRange(target, first * toBytes, (end - first) * toBytes)],
      }
      const options = context.signal === undefined ? {} : { signal: context.signal }
      pieces.push(context.pool.run(task, options).finally(() => grant.release()))
      pieces.at(-1)!.catch(() => {})
    }
  })
  const done = settleOnFailure(pieces, () => Promise.all(pieces))
  return { done: done.then(() => {}) }
}
