import { quote, type Refuse } from '../errors.js'
import { MAX_INTEGER_BYTES, MAX_LINE_BYTES, MAX_STRING_BYTES } from './limits.js'

/** Reads the arguments of opcodes front to back; never past the end, never more than a limit allows. */
export interface ByteCursor {
  readonly position: number
  byte(): number
  /** Little endian, 2 or 4 bytes. */
  unsigned(bytes: 2 | 4): number
  int32(): number
  /** 8 bytes, little endian; beyond the safe integers it is refused. */
  unsigned64(): number
  float64(): number
  /** A length field of 1, 4 or 8 bytes; at most {@link MAX_STRING_BYTES}. */
  length(bytes: 1 | 4 | 8): number
  /** A copy. */
  bytes(length: number): Uint8Array
  /** UTF-8. */
  text(length: number): string
  /** Up to the next line feed, which is consumed. */
  line(): string
  /** Two's complement, little endian. */
  integer(length: number): number | bigint
  readonly remaining: number
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const LINE_FEED = 0x0a

/** `truncated` says what it means that the bytes end too early: a damaged file, or one whose pickle is too large. */
export function createByteCursor(
  source: Uint8Array,
  start: number,
  refuse: Refuse,
  truncated: () => never,
): ByteCursor {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength)
  let position = start

  const take = (count: number): number => {
    if (count > source.byteLength - position) truncated()
    position += count
    return position - count
  }
  const unsigned64 = (): number => {
    const value = Number(view.getBigUint64(take(8), true))
    if (!Number.isSafeInteger(value)) refuse('PICKLE_LIMIT', `a length of ${value} at byte ${position - 8}`)
    return value
  }
  const decode = (from: number, to: number): string => {
    try {
      return decoder.decode(source.subarray(from, to))
    } catch (cause) {
      return refuse('PICKLE_BAD', `the text at byte ${from} of the pickle is not UTF-8`, { cause })
    }
  }

  return {
    get position() {
      return position
    },
    get remaining() {
      return source.byteLength - position
    },
    byte: () => source[take(1)]!,
    unsigned: (bytes) => (bytes === 2 ? view.getUint16(take(2), true) : view.getUint32(take(4), true)),
    int32: () => view.getInt32(take(4), true),
    unsigned64,
    float64: () => view.getFloat64(take(8), false),
    length(bytes) {
      const at = position
      const length =
        bytes === 1 ? source[take(1)]! : bytes === 4 ? view.getUint32(take(4), true) : unsigned64()
      if (length > MAX_STRING_BYTES) {
        refuse('PICKLE_LIMIT', `${length} bytes of text at byte ${at}; ${MAX_STRING_BYTES} are allowed`)
      }
      return length
    },
    bytes(length) {
      const from = take(length)
      return source.slice(from, from + length)
    },
    text(length) {
      const from = take(length)
      return decode(from, from + length)
    },
    line() {
      const limit = Math.min(source.byteLength, position + MAX_LINE_BYTES + 1)
      for (let end = position; end < limit; end++) {
        if (source[end] !== LINE_FEED) continue
        const from = take(end + 1 - position)
        return decode(from, end)
      }
      if (limit === source.byteLength) truncated()
      return refuse('PICKLE_LIMIT', `a line at byte ${position} has more than ${MAX_LINE_BYTES} bytes`)
    },
    integer(length) {
      if (length > MAX_INTEGER_BYTES) {
        refuse('PICKLE_LIMIT', `an integer of ${length} bytes; ${MAX_INTEGER_BYTES} are allowed`)
      }
      const from = take(length)
      let value = 0n
      for (let index = length - 1; index >= 0; index--) value = (value << 8n) | BigInt(source[from + index]!)
      return exactNumber(BigInt.asIntN(8 * length, value))
    },
  }
}

/** The text form of an integer. */
export function parseInteger(text: string, refuse: Refuse): number | bigint {
  if (!/^-?\d{1,78}$/.test(text)) refuse('PICKLE_BAD', `expected a decimal integer, found ${quote(text)}`)
  return exactNumber(BigInt(text))
}

function exactNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
