import {
  cacheFolder,
  createScratchStore,
  type LoadedModel,
  type PlannedModel,
  stateDict,
  type TensorStore,
} from '@hfquant/core'
import { findArtifact } from '@hfquant/onnx'
import { type ArtifactNotes, nameModel } from '../compile/name.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import { fillModel, planOpened } from './fill-model.js'
import { type ModelQuantization, quantizationOf, warn } from './quantization.js'

/**
 * The weights of a model as its files and its configuration define them. A model that is compiled already computes
 * without them: they are checked, streamed and quantized when something needs the tensors themselves.
 */
export interface ModelWeights {
  readonly opened: OpenedModel
  /** Parameters of its shell have no bytes until `fill` has resolved, which may put another shell in its place. */
  readonly loaded: LoadedModel
  readonly quantization: ModelQuantization | undefined
  readonly warnings: readonly string[]
  /** The name of the compiled model in the cache; undefined for one that is not kept. */
  readonly artifactKey: string | undefined
  /** Bytes of all parameters as they are stored: each tied one once. */
  parameterBytes(): number
  /** The model with bytes in every parameter; does the work once. */
  fill(signal: AbortSignal): Promise<LoadedModel>
  release(): void
}

/**
 * Checks everything that headers reveal, and fills the model unless it is compiled already.
 *
 * @throws as the loader.
 */
export async function loadWeights(opened: OpenedModel, options: LoadModelOptions): Promise<ModelWeights> {
  const named = await nameModel(opened, options)
  const notes = named && (await readNotes(named.key))
  const stores: TensorStore[] = []
  const release = () => {
    for (const store of stores.splice(0)) store.release()
  }
  const outline = named && notes && { ...named.outline, warnings: notes.warnings, report: notes.report }
  let planned: PlannedModel | undefined
  const stream = async (signal: AbortSignal | undefined) => {
    planned ??= await planOpened(opened, { ...options, signal })
    signal?.throwIfAborted()
    const store = createScratchStore(cacheFolder())
    stores.push(store)
    return fillModel(opened, store, { ...options, signal }, planned)
  }
  try {
    let loaded = outline ?? (await stream(options.signal))
    let filling = outline === undefined ? Promise.resolve(loaded) : undefined
    return {
      ...{ opened, release, artifactKey: named?.key },
      get loaded() {
        return loaded
      },
      quantization:
        named?.quantization && notes
          ? settled(named.quantization, opened, notes)
          : quantizationOf(opened, loaded),
      warnings: warn(opened.merged, loaded.warnings),
      parameterBytes: () => (notes && loaded === outline ? notes.parameterBytes : parameterBytes(loaded)),
      fill(signal) {
        filling ??= stream(signal).then(
          (filled) => {
            loaded = filled
            return filled
          },
          (error) => {
            filling = undefined
            throw error
          },
        )
        return filling
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

/** What was noted beside the compiled model; undefined when there is none. */
async function readNotes(artifactKey: string): Promise<ArtifactNotes | undefined> {
  const artifact = await findArtifact(cacheFolder(), artifactKey, (message) => warn(undefined, [message]))
  return artifact?.notes as ArtifactNotes | undefined
}

/** What was noted has been JSON; it is read as config.json would be. */
function settled(
  quantization: ModelQuantization,
  { merged }: OpenedModel,
  { config, skipped }: ArtifactNotes,
): ModelQuantization {
  if (merged === undefined || config === null) return quantization
  return { ...quantization, skipped, config: merged.backend.parseConfig(config).toDict() }
}

const parameterBytes = ({ shell }: LoadedModel): number =>
  stateDict(shell).reduce((sum, { parameter }) => sum + parameter.byteLength, 0)
