import { basename, resolve } from 'node:path'
import { CapabilityError, type JsonObject, type PlannedModel } from '@hfquant/core'
import { type ArtifactDescription, artifactKey, type Graph } from '@hfquant/onnx'
import { checkpointIdentity } from './checkpoint-identity.js'
import { type CompileSource, lowerModel } from './compile.js'
import type { LoadModelOptions } from './load-options.js'
import type { OpenedModel } from './open-model.js'

/**
 * The name under which a compiled model is kept: it follows from everything that its bytes depend on, and is known from
 * headers alone. Undefined for what is not kept:
 *
 * - methods that do not state a revision, because what a later version of them makes could not be told apart;
 * - models that are calibrated while they load. A calibration takes minutes to hours, and its result is a checkpoint,
 *   which a compiled model cannot give back: save it once, and load that, which is then kept like any other.
 */
export async function nameArtifact(
  opened: OpenedModel,
  { shell, planned }: PlannedModel,
  { cache = true, compute = 'fast', memory = 'auto' }: LoadModelOptions,
): Promise<string | undefined> {
  const { architecture, config, configFile, quantizer, checkpoint, dtype } = opened
  const isKept = quantizer === undefined || quantizer.revision !== undefined
  if (!cache || !isKept || planned.deferred.length > 0) return undefined
  const graph = tryLower({ architecture, shell, config, compute, memory })
  if (graph === undefined) return undefined
  const quantization = quantizer && [quantizer.quantMethod, quantizer.revision, quantizer.config.toDict()]
  const identity = await checkpointIdentity(checkpoint)
  const subject = [identity, configFile.value, quantization, dtype, compute, memory]
  return artifactKey(graph, subject)
}

/** A model that cannot be computed may still be loaded and saved; using it says what is missing. */
function tryLower(source: CompileSource): Graph | undefined {
  try {
    return lowerModel(source)
  } catch (error) {
    if (CapabilityError.isInstance(error)) return undefined
    throw error
  }
}

/** What is noted beside a compiled model: for people, and what only streaming the weights would tell. */
export interface ArtifactNotes {
  /** The quantization config as it is once every weight is made. */
  readonly config: JsonObject | null
  /** Bytes of all parameters. */
  readonly parameterBytes: number
}

export function describeArtifact(
  { folder, quantizer }: OpenedModel,
  parameterBytes: number,
): ArtifactDescription {
  const notes: ArtifactNotes = { config: quantizer?.config.toDict() ?? null, parameterBytes }
  return { model: modelName(folder), source: resolve(folder), method: quantizer?.quantMethod ?? null, notes }
}

/** "organisation/name" of a model in the Hugging Face cache, else the name of the folder. */
function modelName(folder: string): string {
  const path = resolve(folder)
  const repository = /[\\/]models--(.+)[\\/]snapshots[\\/][^\\/]+$/.exec(path)?.[1]
  return repository?.replace('--', '/') ?? basename(path)
}
