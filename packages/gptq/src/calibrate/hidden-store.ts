import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type HiddenStates, outputError } from '@hfquant/core'

/** The hidden states of all batches: in memory up to a limit, in a file without a name beyond it. */
export interface HiddenStore {
  /** Adds or replaces those of a batch; a batch keeps its size. */
  set(batch: number, hidden: HiddenStates): Promise<void>
  get(batch: number): Promise<HiddenStates>
  /** Bytes in the file. */
  readonly spilledBytes: number
  close(): Promise<void>
}

interface Spilled {
  readonly position: number
  readonly shape: HiddenStates['shape']
}

/** @throws OutputError, once there is more to keep than fits in memory, when the folder cannot be written. */
export function createHiddenStore(folder: string, maxBytes: number): HiddenStore {
  const kept = new Map<number, HiddenStates>()
  const spilled = new Map<number, Spilled>()
  let keptBytes = 0
  let end = 0
  let file: FileHandle | undefined

  const spill = async (batch: number, { data, shape }: HiddenStates) => {
    try {
      file ??= await openUnnamed(folder)
      const position = spilled.get(batch)?.position ?? end
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      for (let done = 0; done < bytes.length; ) {
        done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
      }
      spilled.set(batch, { position, shape })
      end = Math.max(end, position + bytes.length)
    } catch (cause) {
      throw outputError(cause, folder)
    }
  }
  return {
    async set(batch, hidden) {
      const { byteLength } = hidden.data
      const isNew = !kept.has(batch) && !spilled.has(batch)
      if (isNew && keptBytes + byteLength <= maxBytes) keptBytes += byteLength
      else if (!kept.has(batch)) return spill(batch, hidden)
      kept.set(batch, hidden)
    },
    async get(batch) {
      const inMemory = kept.get(batch)
      if (inMemory !== undefined) return inMemory
      const { position, shape } = spilled.get(batch)!
      const data = new Float32Array(shape[0] * shape[1] * shape[2])
      const bytes = new Uint8Array(data.buffer)
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await file!.read(bytes, done, bytes.length - done, position + done)
        if (bytesRead === 0) throw outputError(new Error('the file of hidden states ended early'), folder)
        done += bytesRead
      }
      return { data, shape }
    },
    get spilledBytes() {
      return end
    },
    async close() {
      kept.clear()
      await file?.close()
      file = undefined
    },
  }
}

/** The system frees it when the process ends, however it ends. */
async function openUnnamed(folder: string): Promise<FileHandle> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `hidden-${randomUUID()}`)
  const file = await open(path, 'wx+')
  await unlink(path)
  return file
}
