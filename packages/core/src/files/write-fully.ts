import type { FileHandle } from 'node:fs/promises'
import { writeFully as writeAll } from '@hfquant/safetensors'
import { outputError } from './output-error.js'

/**
 * Writes all of `bytes`, whatever part of them a call takes.
 *
 * @param position in the file; null: where the last write ended.
 * @param path of the file, for messages.
 * @throws OutputError DISK_FULL when nothing more is taken, or with the system's reason.
 */
export async function writeFully(
  file: Pick<FileHandle, 'write'>,
  bytes: Uint8Array,
  position: number | null,
  path: string,
): Promise<void> {
  await writeAll(file, bytes, position).catch((cause) => {
    throw outputError(cause, path)
  })
}
