import { open } from 'node:fs/promises'
import { freemem } from 'node:os'
import { machineMemory } from './machine-memory.js'

const PIECE_BYTES = 4 * 2 ** 20

/** Bytes per millisecond. What comes faster was in memory, or is on a disk that is as fast. */
const MEMORY_SPEED = 3e6

/** Behind a piece that was in memory, so much is taken to be there, too. */
const PASSED_OVER = 15 * PIECE_BYTES

/**
 * Reads a file that is about to be mapped, from its beginning to its end, so that it is in memory: a disk gives long pieces
 * faster than the short ones for which mapped pages wait, and Linux keeps them in larger pages. Of a file that is there
 * already little is read; of one for which there is no room, or that cannot be read, nothing.
 *
 * @param byteLength of the file.
 */
export async function fetchFile(path: string, byteLength: number, signal: AbortSignal): Promise<void> {
  if (byteLength > Math.min(freemem(), machineMemory())) return
  const file = await open(path, 'r').catch(() => undefined)
  if (file === undefined) return
  try {
    const piece = new Uint8Array(PIECE_BYTES)
    for (let position = 0; position < byteLength && !signal.aborted; ) {
      const start = performance.now()
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, position)
      if (bytesRead === 0) return
      const wasInMemory = bytesRead > MEMORY_SPEED * (performance.now() - start)
      position += wasInMemory ? bytesRead + PASSED_OVER : bytesRead
    }
  } catch {
    // Whoever needs the file reads it again, and says what is wrong with it.
  } finally {
    await file.close()
  }
}
