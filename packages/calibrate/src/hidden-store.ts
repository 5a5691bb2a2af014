import { closeSync, read as readAt } from 'node:fs'
import { promisify } from 'node:util'
import { type HiddenStates, openUnnamed, outputError, writeRange } from '@hfquant/core/runtime'

/** The hidden states of all batches: in memory up to a limit, in a file without a name beyond it. */
export interface HiddenStore {
  /** Adds or replaces those of a batch; a batch keeps its size. */
  set(batch: number, hidden: HiddenStates): Promise<void>
  /** A copy, for the caller to keep. */
  get(batch: number): Promise<HiddenStates>
  close(): Promise<void>
}

/** Where the states of a batch lie: `position` counts values in memory, bytes in the file. */
interface Place extends Omit<HiddenStates, 'data'> {
  readonly where: 'memory' | 'file'
  readonly position: number
}

export interface HiddenStoreOptions {
  /** The cache folder, in which the file lies. */
  readonly folder: string
  /** Bytes that stay in memory. */
  readonly maxBytes: number
  /** Tokens of all batches together. */
  readonly tokens: number
}

/** @throws OutputError, once there is more to keep than fits in memory, when the folder cannot be written. */
export function createHiddenStore({ folder, maxBytes, tokens }: HiddenStoreOptions): HiddenStore {
  const places = new Map<number, Place>()
  // One piece for all: arrays from other threads, kept for long, would each hold a part of those threads' memory.
  let memory: Float32Array | undefined
  let kept = 0
  let end = 0
  let file: number | undefined

  const placeFor = ({ data, ...states }: HiddenStates): Place => {
    memory ??= new Float32Array(Math.min(Math.floor(maxBytes / 4), tokens * states.shape[2]))
    if (kept + data.length <= memory.length) {
      kept += data.length
      return { ...states, where: 'memory', position: kept - data.length }
    }
    end += data.byteLength
    return { ...states, where: 'file', position: end - data.byteLength }
  }
  const write = async (bytes: Uint8Array, position: number) => {
    try {
      file ??= await openUnnamed(folder)
      await writeRange({ fd: file, position, byteLength: bytes.length }, bytes)
    } catch (cause) {
      throw outputError(cause, folder)
    }
  }
  const read = async (bytes: Uint8Array, position: number) => {
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await readFrom(file!, bytes, done, bytes.length - done, position + done)
      if (bytesRead === 0) throw outputError(new Error('the file of hidden states ended early'), folder)
      done += bytesRead
    }
  }
  return {
    async set(batch, hidden) {
      const place = places.get(batch) ?? placeFor(hidden)
      places.set(batch, place)
      if (place.where === 'memory') memory!.set(hidden.data, place.position)
      else await write(bytesOf(hidden.data), place.position)
    },
    async get(batch) {
      const { where, position, ...states } = places.get(batch)!
      const count = states.shape.reduce((product, size) => product * size, 1)
      if (where === 'memory') return { ...states, data: memory!.slice(position, position + count) }
      const data = new Float32Array(count)
      await read(bytesOf(data), position)
      return { ...states, data }
    },
    async close() {
      memory = undefined
      places.clear()
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

const readFrom = promisify(readAt)
