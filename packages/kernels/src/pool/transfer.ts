import { readSync, writeSync } from 'node:fs'
import { KernelIoError } from '../errors.js'
import { type ByteRange, type FileRange, isFileRange, piecesOf } from './byte-range.js'

/** One system call reads at most this much; the kernel's own limit is just below 2 GiB. */
const MOST_READ_BYTES = 2 ** 30

/** And writes this much: larger pages, in which Linux would keep more, are slower to come by than to write. */
const MOST_WRITTEN_BYTES = 2 ** 18

/** Reads the whole range into `target`, which has its length. */
export function readRange(range: ByteRange, target: Uint8Array): void {
  let done = 0
  for (const piece of piecesOf(range)) {
    readPiece(piece, target.subarray(done, done + piece.byteLength))
    done += piece.byteLength
  }
}

function readPiece(range: ByteRange, target: Uint8Array): void {
  if (!isFileRange(range)) {
    target.set(new Uint8Array(range.buffer, range.byteOffset, range.byteLength))
    return
  }
  const what = `reading ${describe(range.fd, range.position, range.byteLength)}`
  transfer(what, range.byteLength, TOO_SHORT, (done, left) =>
    readSync(range.fd, target, done, Math.min(left, MOST_READ_BYTES), range.position + done),
  )
}

/** Writes all of `source`, which has the length of the range. */
export function writeRange(range: ByteRange, source: Uint8Array): void {
  const memory = isFileRange(range) ? undefined : new Uint8Array(range.buffer)
  let done = 0
  for (const piece of piecesOf(range)) {
    const bytes = source.subarray(done, done + piece.byteLength)
    if (isFileRange(piece)) writePiece(piece, bytes)
    else memory!.set(bytes, piece.byteOffset)
    done += piece.byteLength
  }
}

function writePiece(range: FileRange, source: Uint8Array): void {
  const what = `writing ${describe(range.fd, range.position, range.byteLength)}`
  transfer(what, range.byteLength, FULL, (done, left) =>
    writeSync(range.fd, source, done, Math.min(left, MOST_WRITTEN_BYTES), range.position + done),
  )
}

/** What it means that a call moves nothing and gives no reason. */
const TOO_SHORT = { hint: 'The file is shorter than its header says, or was cut while it was in use.' }
const FULL = { errno: 'ENOSPC', hint: 'The disk may be full; free some space.' }

function transfer(
  what: string,
  byteLength: number,
  meaning: { readonly errno?: string; readonly hint: string },
  move: (done: number, left: number) => number,
): void {
  let done = 0
  while (done < byteLength) {
    const moved = attempt(what, () => move(done, byteLength - done))
    if (moved === 0) {
      throw new KernelIoError(`${what} stopped after ${done} bytes`, meaning)
    }
    done += moved
  }
}

function attempt(what: string, move: () => number): number {
  try {
    return move()
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new KernelIoError(`${what} failed: ${message}`, { errno: code, cause })
  }
}

function describe(fd: number, position: number, byteLength: number): string {
  return `bytes ${position} to ${position + byteLength} of file descriptor ${fd}`
}
