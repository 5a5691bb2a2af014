import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileRange } from '@hfquant/kernels'
import { createSafetensorsFile, formatSafetensorsIndex, layoutSafetensors } from '@hfquant/safetensors'
import type { SavedTensor } from '../contract/quantizer.js'
import { outputError } from '../files/output-error.js'
import type { NamedTensor, Place, TensorStore } from '../load/store.js'
import { elementCount, tensorBytes, toSafetensorsDtype } from '../shell/dtype.js'
import type { Storage } from '../shell/parameter.js'

/** As the Python library. */
const DEFAULT_MAX_SHARD_BYTES = 50e9

/** The tensors of the file that hold one of the model, each once. */
function asSaved({ savedAs, savedIn, ...tensor }: NamedTensor & SavedTensor): readonly SavedTensor[] {
  if (savedIn === undefined) return savedAs?.map((part) => ({ ...tensor, ...part })) ?? [tensor]
  const { index, ...whole } = savedIn
  return index === 0 ? [{ ...tensor, ...whole }] : []
}

function placeOf(tensor: NamedTensor, places: ReadonlyMap<string, FilePlace>): Place {
  const { name, savedAs, savedIn, dtype, shape } = tensor
  if (savedIn !== undefined)
    return placeIn(places.get(savedIn.name)!, savedIn.index, tensorBytes(dtype, shape))
  if (savedAs === undefined) return places.get(name)!
  const parts = savedAs.map((part) => places.get(part.name)!)
  return {
    target: parts[0]!.target,
    parts: parts.map(({ target }) => target),
    storage: { kind: 'parts', parts: parts.map(({ storage }) => storage), dtype },
  }
}

function placeIn({ target, storage }: FilePlace, index: number, byteLength: number): FilePlace {
  const range = { position: target.position + index * byteLength, byteLength }
  return { target: { ...target, ...range }, storage: { ...storage, ...range } }
}

interface FilePlace extends Place {
  readonly target: FileRange
  readonly storage: Extract<Storage, { kind: 'file' }>
}

export interface CheckpointStore extends TensorStore {
  /** Makes everything durable and closes the files. */
  finish(): Promise<void>
}

/**
 * Room for a whole model in the files of a checkpoint: the layout follows from names, dtypes and shapes, so the
 * tensors may then be written in any order, by any thread.
 *
 * @param metadata entries of the headers, from the tensors about to be saved; "format": "pt" is added.
 */
export function createCheckpointStore(
  folder: string,
  metadata: (tensors: readonly SavedTensor[]) => Record<string, string>,
  maxShardBytes = DEFAULT_MAX_SHARD_BYTES,
): CheckpointStore {
  const files: Awaited<ReturnType<typeof createSafetensorsFile>>[] = []
  return {
    scope: 'all',
    async allocate(wanted) {
      const tensors = wanted.flatMap(asSaved)
      const specs = tensors.map(({ name, dtype, shape }) => ({
        name,
        dtype: toSafetensorsDtype(dtype),
        shape,
      }))
      const layout = layoutSafetensors(specs, {
        metadata: { ...metadata(tensors), format: 'pt' },
        maxShardBytes,
        totalParameters: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
      })
      const places = new Map<string, FilePlace>()
      const dtypeOf = new Map(tensors.map((tensor: NamedTensor) => [tensor.name, tensor.dtype]))
      try {
        if (layout.index !== undefined)
          await writeFile(join(folder, layout.index.fileName), formatSafetensorsIndex(layout.index.json), {
            flush: true,
          })
        for (const file of layout.files) {
          const path = join(folder, file.fileName)
          const opened = await createSafetensorsFile(path, file)
          files.push(opened)
          for (const [name, { byteOffset: position, byteLength }] of file.tensors) {
            const target = { fd: opened.fd, position, byteLength }
            places.set(name, {
              target,
              storage: { kind: 'file', path, dtype: dtypeOf.get(name)!, ...target },
            })
          }
        }
      } catch (cause) {
        throw outputError(cause, folder)
      }
      return new Map(wanted.map((tensor) => [tensor.name, placeOf(tensor, places)]))
    },
    async finish() {
      try {
        for (const file of files) await file.sync()
      } catch (cause) {
        throw outputError(cause, folder)
      } finally {
        await closeAll()
      }
    },
    release() {
      void closeAll()
    },
  }

  async function closeAll(): Promise<void> {
    await Promise.allSettled(files.splice(0).map((file) => file.close()))
  }
}
