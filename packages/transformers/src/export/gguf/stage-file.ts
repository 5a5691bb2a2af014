import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { OutputError, outputError } from '@hfquant/core'

/** A file that is being written beside the one it will replace. */
export interface StagedFile {
  /** Appends. */
  write(bytes: Uint8Array): Promise<void>
  /** Syncs, closes, and puts the file in place. */
  commit(): Promise<void>
  discard(): Promise<void>
}

/**
 * Begins a file that appears under its final name complete or not at all. What a killed process left behind is removed.
 *
 * @throws OutputError when the place cannot be written, or is a folder.
 */
export async function stageFile(path: string): Promise<StagedFile> {
  const final = resolve(path)
  const isFolder = (await stat(final).catch(() => undefined))?.isDirectory()
  if (path === '' || isFolder) {
    throw new OutputError(
      'OUTPUT_UNSUITABLE',
      `cannot write ${path === '' ? 'a file without a name' : path}: it is a folder`,
      {
        file: final,
        hint: 'Name a file, such as model.gguf.',
      },
    )
  }
  const prefix = `.${basename(final)}.hfquant-new-`
  const staged = join(dirname(final), `${prefix}${process.pid}-${randomUUID().slice(0, 8)}`)
  const failed = (cause: unknown): never => {
    throw outputError(cause, final)
  }
  const begin = async (): Promise<FileHandle> => {
    await mkdir(dirname(final), { recursive: true })
    await removeLeftovers(dirname(final), prefix)
    return open(staged, 'wx')
  }
  const file = await begin().catch(failed)
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await file.write(bytes, done).catch(failed)
        done += bytesWritten
      }
    },
    async commit() {
      await file.sync().catch(failed)
      await file.close()
      await rename(staged, final).catch(failed)
      await syncFolder(dirname(final))
    },
    async discard() {
      await file.close().catch(() => {})
      await rm(staged, { force: true })
    },
  }
}

async function removeLeftovers(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue
    const pid = Number(name.slice(prefix.length).split('-')[0])
    if (!isRunning(pid)) await rm(join(folder, name), { force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}
