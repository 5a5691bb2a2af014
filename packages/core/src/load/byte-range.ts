import { write } from 'node:fs'
import { promisify } from 'node:util'
import type { ByteRange } from '@hfquant/kernels'
import { type Writer, writeFully } from '@hfquant/safetensors'

/** A part of a range. */
export function subRange(range: ByteRange, offset: number, byteLength: number): ByteRange {
  return 'fd' in range
    ? { fd: range.fd, position: range.position + offset, byteLength }
    : { buffer: range.buffer, byteOffset: range.byteOffset + offset, byteLength }
}

/** A part of what some ranges are together, in order; empty ranges are left out. */
export function subRanges(
  ranges: readonly ByteRange[],
  offset: number,
  byteLength: number,
): readonly ByteRange[] {
  const found: ByteRange[] = []
  let start = 0
  for (const range of ranges) {
    const first = Math.max(offset, start)
    const end = Math.min(offset + byteLength, start + range.byteLength)
    if (first < end) found.push(subRange(range, first - start, end - first))
    start += range.byteLength
  }
  return found
}

/** Pieces one behind the other, each copied once; a single one is handed out as it is. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.byteLength
  }
  return whole
}

/** Writes `bytes` at the beginning of a range. */
export async function writeRange(range: ByteRange, bytes: Uint8Array): Promise<void> {
  if (!('fd' in range)) {
    new Uint8Array(range.buffer, range.byteOffset, range.byteLength).set(bytes)
    return
  }
  await writeFully({ write: (...call) => writeOnce(range.fd, ...call) }, bytes, range.position)
}

const writeOnce = promisify(write) as unknown as (
  fd: number,
  ...call: Parameters<Writer['write']>
) => ReturnType<Writer['write']>
