import { GgufError, quote } from '../errors.js'
import { decodeUtf8 } from './decode-utf8.js'
import { type HeaderCursor, LENGTH_BYTES, type Subject } from './header-cursor.js'

/**
 * An array of strings, kept as bytes: a vocabulary has hundred thousands of them that few need as text, and tokens may
 * hold parts of characters, which are no UTF-8.
 */
export interface GgufStrings {
  readonly length: number
  /** A view; undefined beyond the end, as in an array. */
  bytes(index: number): Uint8Array | undefined
  /**
   * Undefined beyond the end, as in an array.
   *
   * @throws {@link GgufError} GGUF_BAD_TEXT for bytes that are no UTF-8
   */
  text(index: number): string | undefined
}

/** Reads `count` strings one behind the other. */
export function readStrings(
  cursor: HeaderCursor,
  count: bigint,
  subject: Subject,
  file: string,
): GgufStrings {
  // Whatever the strings hold, their lengths must be there before memory is taken for places.
  cursor.expect(count * BigInt(LENGTH_BYTES), subject)
  const length = Number(count)
  const begin = cursor.position
  // Behind each string stands the length of the next one.
  const starts = new Uint32Array(length + 1)
  for (let index = 0; index < length; index++) {
    starts[index] = cursor.position + LENGTH_BYTES - begin
    cursor.string(subject)
  }
  starts[length] = cursor.position + LENGTH_BYTES - begin
  const stored = cursor.since(begin)

  const bytes = (index: number): Uint8Array | undefined => {
    const start = starts[index]
    const next = starts[index + 1]
    return start === undefined || next === undefined ? undefined : stored.subarray(start, next - LENGTH_BYTES)
  }
  return {
    length,
    bytes,
    text(index) {
      const found = bytes(index)
      if (found === undefined) return undefined
      const text = decodeUtf8(found)
      if (text !== undefined) return text
      const { key } = subject
      const where = `element ${index} of ${key === undefined ? subject.what : quote(key)}`
      throw new GgufError('GGUF_BAD_TEXT', `${file}: ${where} is no UTF-8 text`, { file, key })
    },
  }
}
