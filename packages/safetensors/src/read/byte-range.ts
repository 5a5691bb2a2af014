import { quote, quoteShape, SafetensorsError, type SafetensorsErrorCode } from '../errors.js'
import type { TensorEntry } from '../header/tensor-entry.js'
import { packedBytes } from '../header/tensor-size.js'

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
 * @throws {@link SafetensorsError} SAFETENSORS_RANGE, SAFETENSORS_ROW_NOT_BYTE_ALIGNED
 */
export function byteRange(
  entry: TensorEntry,
  range: TensorRange,
  file: string,
): [start: number, end: number] {
  const refuse = (code: SafetensorsErrorCode, problem: string): never => {
    throw new SafetensorsError(code, `${file}: tensor ${quote(entry.name)} ${problem}`, {
      file,
      tensor: entry.name,
    })
  }
  const check = ([start, end]: readonly [number, number], limit: number, unit: string): void => {
    const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end)
    if (!whole || start < 0 || end < start || end > limit) {
      refuse('SAFETENSORS_RANGE', `has ${limit} ${unit}; [${start}, ${end}) does not lie inside`)
    }
  }
  const { rows, bytes, byteOffset, byteLength, dtype, shape } = { ...entry, ...range }

  if (rows !== undefined && bytes !== undefined) {
    refuse('SAFETENSORS_RANGE', 'was asked for by rows and by bytes at once; choose one')
  }
  if (bytes !== undefined) {
    check(bytes, byteLength, 'bytes')
    return [byteOffset + bytes[0], byteOffset + bytes[1]]
  }
  if (rows === undefined) return [byteOffset, byteOffset + byteLength]

  const [count, ...inner] = shape
  if (count === undefined) return refuse('SAFETENSORS_RANGE', 'is a scalar and has no rows')
  check(rows, count, 'rows')
  // An inner 0 makes every row empty, whatever the other sizes are.
  const elementsInRow = inner.includes(0) ? 0 : inner.reduce((product, size) => product * size, 1)
  const [start, end] = rows.map((row) => packedBytes(dtype, row * elementsInRow))
  if (start === undefined || end === undefined) {
    const described = `of dtype ${dtype} and shape ${quoteShape(shape)}`
    return refuse(
      'SAFETENSORS_ROW_NOT_BYTE_ALIGNED',
      `${described}: rows [${rows}) do not lie on whole bytes`,
    )
  }
  return [byteOffset + start, byteOffset + end]
}
