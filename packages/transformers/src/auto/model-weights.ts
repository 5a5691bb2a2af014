import {
  cacheFolder,
  createScratchStore,
  type LoadedModel,
  type PlannedModel,
  stateDict,
  type TensorStore,
} from '@hfquant/core'
import { findArtifact } from '@hfquant/onnx'
import { fillModel, planOpened } from './fill-model.js'
import type { LoadModelOptions } from './load-options.js'
import { type ArtifactNotes, nameModel } from './model-artifact.js'
import { type ModelQuantization, quantizationOf, warn } from './model-quantization.js'
import type { OpenedModel } from './open-model.js'

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
  const plan = planOnce(opened, options)
  const stream = async (signal: AbortSignal | undefined) => {
    const { model, planned } = await plan()
    signal?.throwIfAborted()
    const store = createScratchStore(cacheFolder())
    stores.push(store)
    return fillModel(model, store, { ...options, signal }, planned)
  }
  try {
    let loaded = named && notes ? { ...named.outline, ...told(notes) } : await stream(options.signal)
    let filled = notes ? undefined : Promise.resolve(loaded)
    let outlined = notes
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
      parameterBytes: () => outlined?.parameterBytes ?? parameterBytes(loaded),
      fill(signal) {
        filled ??= stream(signal).then(
          (result) => {
            loaded = result
            outlined = undefined
            return result
          },
          (error) => {
            filled = undefined
            throw error
          },
        )
        return filled
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

/**
 * Plans a model on first use, and again only if that failed: a plan replaces modules of its shell, so each has one of its
 * own.
 */
function planOnce(opened: OpenedModel, { deviceMap }: LoadModelOptions) {
  let planning: Promise<{ readonly model: OpenedModel; readonly planned: PlannedModel }> | undefined
  const plan = async () => {
    const model = { ...opened, shell: opened.architecture.build(opened.config, opened.dtype) }
    return { model, planned: await planOpened(model, { deviceMap }) }
  }
  return () => {
    planning ??= plan().catch((error) => {
      planning = undefined
      throw error
    })
    return planning
  }
}

const told = ({ warnings, report }: ArtifactNotes): Pick<LoadedModel, 'warnings' | 'report'> => ({
  warnings,
  report,
})

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
