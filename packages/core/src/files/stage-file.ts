import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { OutputError } from '../errors/families.js'
import { publishInfo } from '../report/info.js'
import { outputError } from './output-error.js'
import { outputTaken, refuseBusy, removeLeftovers, siblingOf } from './siblings.js'
import { syncFolder } from './sync-folder.js'
import { writeFully } from './write-fully.js'

/** A file that is being written beside the one it will replace. */
export interface StagedFile {
  /** Appends. */
  write(bytes: Uint8Array): Promise<void>
  /** Syncs, closes, and puts the file in place; one that it replaces is named first, on the channel of `publishInfo`. */
  commit(): Promise<void>
  discard(): Promise<void>
}

/**
 * Begins a file that appears under its final name complete or not at all. What a killed process left behind is removed.
 *
 * @param isReplaceable looks at the beginning of a file that exists; an empty one is replaced.
 * @throws OutputError when the place cannot be written, or is a folder; OUTPUT_NOT_OURS for a file that is not
 * replaceable; OUTPUT_BUSY while another process of this machine writes it.
 */
export async function stageFile(
  path: string,
  isReplaceable: (start: Uint8Array) => boolean,
): Promise<StagedFile> {
  const final = resolve(path)
  await refuseUnsuitable(path, final, isReplaceable)
  const staged = siblingOf(final, 'new')
  const failed = (cause: unknown): never => {
    throw outputError(cause, final)
  }
  const begin = async (): Promise<FileHandle> => {
    await mkdir(dirname(final), { recursive: true })
    await refuseBusy(final)
    const file = await open(staged, 'wx')
    await removeLeftovers(final, staged)
    return file
  }
  const found = identityOf(await stat(final).catch(() => undefined))
  const file = await begin().catch(failed)
  return {
    write: (bytes) => writeFully(file, bytes, null, final),
    async commit() {
      await file.sync().catch(failed)
      await file.close()
      const old = identityOf(await stat(final).catch(() => undefined))
      if (old !== undefined && old !== found) throw outputTaken(final)
      if (old !== undefined) publishInfo(`replacing ${final}`)
      await rename(staged, final).catch(failed)
      await syncFolder(dirname(final))
    },
    async discard() {
      await file.close().catch(() => {})
      await rm(staged, { force: true })
    },
  }
}

/** Enough to know a format by. */
const START_BYTES = 16

async function refuseUnsuitable(
  path: string,
  final: string,
  isReplaceable: (start: Uint8Array) => boolean,
): Promise<void> {
  const found = await stat(final).catch(() => undefined)
  if (path === '' || found?.isDirectory()) {
    throw new OutputError(
      'OUTPUT_UNSUITABLE',
      `cannot write ${path === '' ? 'a file without a name' : path}: it is a folder`,
      {
        file: final,
        hint: 'Name a file, such as model.gguf.',
      },
    )
  }
  if (found === undefined || (found.isFile() && found.size === 0)) return
  if (found.isFile() && isReplaceable(await startOf(final))) return
  throw new OutputError('OUTPUT_NOT_OURS', `${final} exists, and is no file of the kind that is written`, {
    file: final,
    hint: `Choose another name, or move ${basename(final)} elsewhere.`,
  })
}

async function startOf(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(START_BYTES), 0, START_BYTES, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw outputError(cause, path)
  }
}

const identityOf = (found: Awaited<ReturnType<typeof stat>> | undefined): string | undefined =>
  found && `${found.dev}:${found.ino}`
