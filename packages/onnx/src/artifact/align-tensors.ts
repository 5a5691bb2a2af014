import { type FileHandle, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { outputError, RuntimeError, writeFully } from '@hfquant/core/runtime'
import { decodeModel, type ExternalEntry, encodeStored } from '../graph/onnx-schema.js'
import { MODEL_FILE, nextPage, WEIGHTS_FILE } from './files.js'

/**
 * Moves tensors of a model that the runtime wrote to the start of a page.
 *
 * The runtime aligns what is larger than 1 MiB, and writes everything else where the last tensor ended. But kernels load
 * packed weights with aligned instructions, or round addresses within them up: at another address than the one that
 * they were packed for the first end the process, and the second compute with the wrong bytes. So what does not begin
 * at a multiple of `ALIGNMENT` is copied to a page at the end of the file.
 *
 * @throws OutputError; RuntimeError ARTIFACT_SHORT when the runtime did not write all that it says, as on a full disk.
 */
export async function alignTensors(folder: string): Promise<void> {
  const modelPath = join(folder, MODEL_FILE)
  const weightsPath = join(folder, WEIGHTS_FILE)
  const model = await decodeModel(await readFile(modelPath))
  const initializers = (model.graph?.initializer ?? []).filter(
    ({ external_data }) => external_data.length > 0,
  )
  if (initializers.length === 0) return
  try {
    const file = await open(weightsPath, 'r+')
    try {
      const { size } = await file.stat()
      const place = createMover(file, size, weightsPath)
      for (const { external_data } of initializers) await alignEntries(external_data, place)
    } finally {
      await file.close()
    }
    await writeFile(modelPath, await encodeStored(model))
  } catch (cause) {
    throw RuntimeError.isInstance(cause) ? cause : outputError(cause, weightsPath)
  }
}

/** Says where a tensor begins, after moving it if it must be moved. */
type Mover = (offset: number, byteLength: number) => Promise<number>

/** What the runtime's allocator gives the buffers that kernels pack into. */
const ALIGNMENT = 64

function createMover(file: FileHandle, size: number, path: string): Mover {
  let end = size
  return async (offset, byteLength) => {
    if (offset + byteLength > size) throw short(offset + byteLength, size)
    if (offset % ALIGNMENT === 0) return offset
    const bytes = new Uint8Array(byteLength)
    for (let done = 0; done < byteLength; ) {
      const { bytesRead } = await file.read(bytes, done, byteLength - done, offset + done)
      if (bytesRead === 0) throw short(offset + byteLength, offset + done)
      done += bytesRead
    }
    const position = nextPage(end)
    await writeFully(file, bytes, position, path)
    end = position + byteLength
    return position
  }
}

/** Entries are "offset" and "length" of the tensor, and per packed copy "key|offset;length;checksum|…". */
async function alignEntries(entries: readonly ExternalEntry[], place: Mover): Promise<void> {
  const offset = entries.find(({ key }) => key === 'offset')
  const length = entries.find(({ key }) => key === 'length')
  if (offset !== undefined && length !== undefined) {
    offset.value = String(await place(Number(offset.value), Number(length.value)))
  }
  for (const entry of entries.filter(({ key }) => key.startsWith('prepacked'))) {
    const [key, ...blobs] = entry.value.split('|')
    const placed: string[] = []
    for (const blob of blobs) {
      const [start, byteLength, ...rest] = blob.split(';')
      placed.push([await place(Number(start), Number(byteLength)), byteLength, ...rest].join(';'))
    }
    entry.value = [key, ...placed].join('|')
  }
}

const short = (expected: number, found: number): RuntimeError =>
  new RuntimeError('ARTIFACT_SHORT', `the runtime wrote ${found} bytes of weights, expected ${expected}`, {
    ...{ found, expected },
    hint: 'The disk may be full; free some space.',
  })
