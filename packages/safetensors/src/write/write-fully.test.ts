import { expect, it } from 'vitest'
import { writeFully } from './write-fully.js'

/** A file whose calls take at most `perCall` bytes, until it holds `capacity`. */
function fileOf(capacity: number, perCall: number) {
  const held = new Uint8Array(capacity)
  let end = 0
  return {
    held,
    write: async (bytes: Uint8Array, offset: number, length: number, position: number | null) => {
      const start = position ?? end
      const bytesWritten = Math.max(0, Math.min(length, perCall, capacity - start))
      held.set(bytes.subarray(offset, offset + bytesWritten), start)
      end = start + bytesWritten
      return { bytesWritten }
    },
  }
}

const BYTES = Uint8Array.from({ length: 100 }, (_, index) => index)

it('goes on where a call ended that took less than it was given', async () => {
  for (const position of [0, null]) {
    const file = fileOf(100, 7)
    await writeFully(file, BYTES, position)
    expect(file.held).toEqual(BYTES)
  }
})

it('fails as a full disk does when nothing more is taken', async () => {
  await expect(writeFully(fileOf(99, 60), BYTES, 0)).rejects.toMatchObject({ code: 'ENOSPC' })
})
