import type { Refuse } from '../errors.js'

/** The cap: vocabularies of a million tokens with their merges take less. */
export const MAX_HEADER_BYTES = 100_000_000

/** A string or an array begins with its length: 64 bits. */
export const LENGTH_BYTES = 8

/** What is being read: a refusal names it. */
export interface Subject {
  readonly what: string
  readonly key?: string
  readonly tensor?: string
}

/** Reads a header from its first byte on. Nothing is taken that the file has no bytes for. */
export interface HeaderCursor {
  /** Of the next byte, counted from the start of the file. */
  readonly position: number
  u8(subject: Subject): number
  u32(subject: Subject): number
  u64(subject: Subject): bigint
  /** A copy with a buffer of its own. */
  bytes(count: bigint, subject: Subject): Uint8Array<ArrayBuffer>
  /** The bytes of a string behind its length, as a view. */
  string(subject: Subject): Uint8Array
  /** Makes sure that so many bytes follow, and leaves them. */
  expect(count: bigint, subject: Subject): void
  /** A copy of what was read since `begin`. */
  since(begin: number): Uint8Array<ArrayBuffer>
}

/** Thrown where the bytes at hand end within the header and the file does not; caught by whoever can get more. */
export class HeaderGoesOn extends Error {
  /** At least so many bytes from the start of the file are needed. */
  constructor(readonly neededBytes: number) {
    super(`the header goes on to byte ${neededBytes} or beyond`)
  }
}

/**
 * @param start the file from its first byte, not necessarily all of it
 * @param fileBytes length of the whole file
 */
export function headerCursor(start: Uint8Array, fileBytes: number, refuse: Refuse): HeaderCursor {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  let position = 0

  /** The position before `count` bytes, which are at hand. */
  const pass = (count: number | bigint, subject: Subject): number => {
    const { what, key, tensor } = subject
    const left = fileBytes - position
    if (count > left) {
      const problem = `${what} at byte ${position} takes ${count} bytes, the file has ${left} more`
      refuse('GGUF_TRUNCATED', problem, { key, tensor })
    }
    const end = position + Number(count)
    if (end > MAX_HEADER_BYTES) {
      const problem = `${what} at byte ${position} takes ${count} bytes; a header may have ${MAX_HEADER_BYTES}`
      refuse('GGUF_HEADER_TOO_LARGE', problem, { key, tensor })
    }
    if (end > start.byteLength) throw new HeaderGoesOn(end)
    const before = position
    position = end
    return before
  }

  const u64 = (subject: Subject) => view.getBigUint64(pass(8, subject), true)
  return {
    get position() {
      return position
    },
    u8: (subject) => view.getUint8(pass(1, subject)),
    u32: (subject) => view.getUint32(pass(4, subject), true),
    u64,
    bytes(count, subject) {
      const from = pass(count, subject)
      return start.slice(from, position) as Uint8Array<ArrayBuffer>
    },
    string(subject) {
      const from = pass(u64(subject), subject)
      return start.subarray(from, position)
    },
    expect(count, subject) {
      position = pass(count, subject)
    },
    since: (begin) => start.slice(begin, position) as Uint8Array<ArrayBuffer>,
  }
}
