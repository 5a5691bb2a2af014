import { readSync, writeSync } from 'node:fs'
import { KernelIoError } from '../errors.js'
import { type ByteRange, isFileRange, piecesOf } from './byte-range.js'

/** One system call moves at most this much; the kernel's own limit is just below 2 GiB. */
const MAX_TRANSFER_BYTES = 2 ** 30

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
  transfer(what, range.byteLength, TOO_SHORT, (done, length) =>
    readSync(range.fd, target, done, length, range.position + done),
  )
}

/** Writes all of `source`, which has the length of the range. */
export function writeRange(range: ByteRange, source: Uint8Array): void {
  let done = 0
  for (const piece of piecesOf(range)) {
    writePiece(piece, source.subarray(done, done + piece.byteLength))
    done += piece.byteLength
  }
}

function writePiece(range: ByteRange, source: Uint8Array): void {
  if (!isFileRange(range)) {
    new Uint8Array(range.buffer, range.byteOffset, range.byteLength).set(source)
    return
  }
  const what = `writing ${describe(range.fd, range.position, range.byteLength)}`
  transfer(what, range.byteLength, FULL, (done, length) =>
    writeSync(range.fd, source, done, length, range.position + done),
  )
}

/** What it means that a call moves nothing and gives no reason. */
const TOO_SHORT = { hint: 'The file is shorter than its header says, or was cut while it was in use.' }
const FULL = { errno: 'ENOSPC', hint: 'The disk may be full; free some space.' }

function transfer(
  what: string,
  byteLength: number,
  meaning: { readonly errno?: string; readonly hint: string },
  move: (done: number, length: number) => number,
): void {
  let done = 0
  while (done < byteLength) {
    const moved = attempt(what, () => move(done, Math.min(byteLength - done, MAX_TRANSFER_BYTES)))
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
