import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileError, quote, SafetensorsError } from '../errors.js'
import { createSafetensorsFile } from './create-safetensors-file.js'
import { checkMetadata, layoutFile, sizeTensors, type TensorSpec } from './layout-file.js'

/** A tensor with its bytes: row-major, little endian. */
export interface TensorWithData extends TensorSpec {
  readonly data: Uint8Array
}

/**
 * Writes a whole file. It appears under its name only when complete and on the disk (temporary name in the same
 * folder, fsync, rename), replaces an older file at once, and leaves nothing behind on failure.
 *
 * @throws {@link SafetensorsError} when a tensor cannot be written as stated (before anything is created), or the disk fails
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorWithData>,
  options: { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const all = [...tensors]
  if (options.metadata !== undefined) checkMetadata(options.metadata, path)
  const sized = sizeTensors(all, path)
  for (const [index, { name, dtype, byteLength }] of sized.entries()) {
    const found = all[index]!.data.byteLength
    if (found !== byteLength) {
      const problem = `of dtype ${dtype} takes ${byteLength} bytes, its data has ${found}`
      throw new SafetensorsError('SAFETENSORS_SIZE_MISMATCH', `${path}: tensor ${quote(name)} ${problem}`, {
        file: path,
        tensor: name,
      })
    }
  }

  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  const writer = await createSafetensorsFile(temporary, layoutFile(path, sized, options.metadata))
  try {
    for (const { name, data } of all) await writer.write(name, data)
    await writer.sync()
    await writer.close()
    await rename(temporary, path)
  } catch (error) {
    await writer.close().catch(() => {})
    await rm(temporary, { force: true })
    throw fileError(error, path, 'write')
  }
  await syncFolder(dirname(path))
}

/** Makes the new name survive a power failure. Some systems cannot sync a folder; the file itself is safe by then. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  try {
    await handle?.sync().catch(() => {})
  } finally {
    await handle?.close()
  }
}
