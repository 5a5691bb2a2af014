import { blockBytes, blockValues } from '../block-types.js'
import { type GgufErrorCode, quote, type Refuse } from '../errors.js'
import type { GgufTensor } from '../header/gguf-header.js'

/** Which part of a tensor; all of it when neither is given. Both ends are counted from 0, the second is exclusive. */
export interface TensorRange {
  /** Along the first dimension. */
  readonly rows?: readonly [start: number, end: number]
  /** Counted from the first byte of the tensor. */
  readonly bytes?: readonly [start: number, end: number]
}

/**
 * The part of the file that a range means, as position of the first byte and of the byte after the last.
 *
 * @throws {@link GgufError} GGUF_RANGE, GGUF_ROW_NOT_WHOLE_BLOCKS
 */
export function byteRange(
  { name, type, shape, byteOffset, byteLength }: GgufTensor,
  { rows, bytes }: TensorRange,
  refuse: Refuse,
): [start: number, end: number] {
  const refuseRange = (code: GgufErrorCode, problem: string, hint?: string): never =>
    refuse(code, `tensor ${quote(name)} ${problem}`, { tensor: name, ...(hint !== undefined && { hint }) })
  const check = ([start, end]: readonly [number, number], limit: number, unit: string): void => {
    const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end)
    if (!whole || start < 0 || end < start || end > limit) {
      refuseRange('GGUF_RANGE', `has ${limit} ${unit}; [${start}, ${end}) does not lie inside`)
    }
  }

  if (rows !== undefined && bytes !== undefined) {
    refuseRange('GGUF_RANGE', 'was asked for by rows and by bytes at once; choose one')
  }
  if (bytes !== undefined) {
    check(bytes, byteLength, 'bytes')
    return [byteOffset + bytes[0], byteOffset + bytes[1]]
  }
  if (rows === undefined) return [byteOffset, byteOffset + byteLength]

  const [count, ...inner] = shape
  if (count === undefined) return refuseRange('GGUF_RANGE', 'is a scalar and has no rows')
  check(rows, count, 'rows')
  // An inner 0 makes every row empty, whatever the other sizes are.
  const valuesInRow = inner.includes(0) ? 0 : inner.reduce((product, size) => product * size, 1)
  const [first, last] = [rows[0] * valuesInRow, rows[1] * valuesInRow]
  const inBlock = blockValues(type)
  if (first % inBlock !== 0 || last % inBlock !== 0) {
    const problem = `has blocks of ${inBlock} values along its only dimension; [${rows}) does not lie on them`
    const hint = 'Choose a range that begins and ends on whole blocks, or read the whole tensor.'
    refuseRange('GGUF_ROW_NOT_WHOLE_BLOCKS', problem, hint)
  }
  const bytesBefore = (values: number) => (values / inBlock) * blockBytes(type)
  return [byteOffset + bytesBefore(first), byteOffset + bytesBefore(last)]
}
