import { closeSync, read as readAt } from 'node:fs'
import { promisify } from 'node:util'
import { openUnnamed, outputError, writeRange } from '@hfquant/core/runtime'
import type { GraphTensor } from '@hfquant/onnx'

/** Floats that blocks read beside hidden states, in a file without a name: of all layers they may be many times as many. */
export interface SideStore {
  set(name: string, batch: number, tensor: GraphTensor): Promise<void>
  /** A copy, for the caller to keep. */
  get(name: string, batch: number): Promise<GraphTensor>
  close(): void
}

/** @param folder the cache folder, in which the file lies. */
export function createSideStore(folder: string): SideStore {
  const places = new Map<string, { readonly position: number; readonly shape: readonly number[] }>()
  const keyOf = (name: string, batch: number) => `${batch} ${name}`
  let file: Promise<number> | undefined
  let end = 0
  return {
    async set(name, batch, { data, shape }) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      const known = places.get(keyOf(name, batch))
      const position = known?.position ?? end
      if (known === undefined) end += bytes.byteLength
      places.set(keyOf(name, batch), { position, shape })
      file ??= openUnnamed(folder)
      const fd = await file
      await writeRange({ fd, position, byteLength: bytes.byteLength }, bytes).catch((cause) => {
        throw outputError(cause, folder)
      })
    },
    async get(name, batch) {
      const { position, shape } = places.get(keyOf(name, batch))!
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
      const bytes = new Uint8Array(data.buffer)
      const fd = await file!
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await readFrom(fd, bytes, done, bytes.length - done, position + done)
        if (bytesRead === 0) throw outputError(new Error('the file of side values ended early'), folder)
        done += bytesRead
      }
      return { dtype: 'float32', shape, data }
    },
    close() {
      void file?.then(closeSync, () => {})
      file = undefined
      places.clear()
    },
  }
}

const readFrom = promisify(readAt)
