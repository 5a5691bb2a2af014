import { open, rename, rm, stat } from 'node:fs/promises'
import { OutputError, outputError, writeFully } from '@hfquant/core/runtime'

/** A multiple of the large pages of every processor. */
const PIECE_BYTES = 4 * 2 ** 20

/**
 * Writes a file anew, in large pieces. Linux keeps a file in pages as large as the pieces that it was written in, as far as
 * they lie at multiples of their size, and maps them as such: 2 MiB in place of 4 KiB. The runtime writes tensor by tensor.
 * Products then wait less for the tables of pages; weights of 4 bits are read an eighth faster.
 *
 * Where there is no room for the copy, the file stays as it is, and so does one that has no piece of that size.
 *
 * @throws the reason of `signal`; what the system says when the file cannot be read.
 */
export async function writeInLargePieces(path: string, signal?: AbortSignal): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || found.size < PIECE_BYTES) return
  const copy = `${path}.large`
  try {
    await copyInPieces(path, copy, signal)
    await rename(copy, path)
  } catch (error) {
    await rm(copy, { force: true })
    if (!OutputError.isInstance(error)) throw error
  }
}

async function copyInPieces(path: string, copy: string, signal: AbortSignal | undefined): Promise<void> {
  await using source = await open(path, 'r')
  await using target = await open(copy, 'wx')
  const { size } = await source.stat()
  const piece = new Uint8Array(PIECE_BYTES)
  for (let position = 0; position < size; ) {
    signal?.throwIfAborted()
    const wanted = Math.min(piece.length, size - position)
    let filled = 0
    while (filled < wanted) {
      const { bytesRead } = await source.read(piece, filled, wanted - filled, position + filled)
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`)
      filled += bytesRead
    }
    // In one call, which `writeFully` would divide; it goes on where a call takes less, or says why none does.
    const { bytesWritten } = await target.write(piece, 0, wanted, position).catch((cause) => {
      throw outputError(cause, copy)
    })
    await writeFully(target, piece.subarray(bytesWritten, wanted), position + bytesWritten, copy)
    position += wanted
  }
}
