import { stateDict } from '@hfquant/core/runtime'
import type { SessionMemory } from '@hfquant/onnx'
import type { Weights } from '../weights/weights.js'

/**
 * What one model takes, in bytes. Memory of this process alone are `parameters.inMemory` and `keyValueCaches`; pages of
 * `compiled` belong to a file: other processes share them, and the system drops them when memory is short. The working
 * memory of the runtime is known of the process as a whole only: see `processMemory`.
 */
export interface ModelMemory {
  /** Where the parameters lie. They are read from there when the model is compiled or saved, not while it computes. */
  readonly parameters: {
    /** All of them, each tied one once: `memoryFootprint()`, and the sum of the others. */
    readonly total: number
    /** In files of the checkpoint, which are referred to. */
    readonly inCheckpoint: number
    /** In unnamed files below the cache folder, which end with the model. */
    readonly inScratchFiles: number
    readonly inMemory: number
    /** Made, or looked up, when they are asked for: the model had been compiled before, and computes without them. */
    readonly notLoaded: number
  }
  /** The weights of the compiled model; all zero before the first use. */
  readonly compiled: {
    /** Size of the file. It holds some weights in two orders, of which one is mapped. */
    readonly fileSize: number
    /** What is mapped of it. Null where the system does not tell, as are the next two; Linux does. */
    readonly mapped: number | null
    /** What of that is in memory now: the same pages for every process, and every model, that has mapped the file. */
    readonly resident: number | null
    /** The share of this process in `resident`: a page that three have mapped counts as a third. */
    readonly proportional: number | null
  }
  /** Keys and values of the sequences that are generated; zero before the first, and for a model that generates none. */
  readonly keyValueCaches: {
    /** All of them, with room for the next tokens. */
    readonly total: number
    /** Of these, what is kept of sequences that have ended, for prompts that begin alike. */
    readonly kept: number
  }
}

/** @param session undefined as long as the model has not been used. */
export async function memoryOf(
  weights: Weights,
  session: { memoryUsage(): Promise<SessionMemory> } | undefined,
): Promise<ModelMemory> {
  const held = await session?.memoryUsage()
  return {
    parameters: parameterPlaces(weights),
    compiled: held === undefined ? NOT_COMPILED : { fileSize: held.fileSize, ...(held.mapping ?? UNKNOWN) },
    keyValueCaches: held?.caches ?? { total: 0, kept: 0 },
  }
}

const NOT_COMPILED: ModelMemory['compiled'] = { fileSize: 0, mapped: 0, resident: 0, proportional: 0 }
const UNKNOWN = { mapped: null, resident: null, proportional: null }

function parameterPlaces({ opened, loaded, parameterBytes }: Weights): ModelMemory['parameters'] {
  const checkpointFiles = new Set([...opened.checkpoint.tensors.values()].map(({ fd }) => fd))
  let [inCheckpoint, inScratchFiles, inMemory] = [0, 0, 0]
  for (const { parameter } of stateDict(loaded.shell)) {
    const { storage, byteLength } = parameter
    if (storage.kind === 'memory') inMemory += byteLength
    else if (storage.kind === 'file' && checkpointFiles.has(storage.fd)) inCheckpoint += byteLength
    else if (storage.kind === 'file') inScratchFiles += byteLength
  }
  const total = parameterBytes()
  const notLoaded = total - inCheckpoint - inScratchFiles - inMemory
  return { total, inCheckpoint, inScratchFiles, inMemory, notLoaded }
}
