import { basename, resolve } from 'node:path'
import {
  CapabilityError,
  checkpointIdentity,
  HfquantError,
  type JsonObject,
  type LoadedModel,
  type LoadingReport,
  type PlannedModel,
} from '@hfquant/core'
import { type ArtifactDescription, artifactKey, type Graph } from '@hfquant/onnx'
import { type LoweredSource, lowerModel } from '../../lower/lower-model.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import { planOpened } from '../weights/fill-model.js'
import { type ModelQuantization, quantizationOf, withQuantization } from '../weights/quantization.js'

/** A model under the name that it is compiled under. */
export interface NamedModel {
  readonly key: string
  /** Decided from headers alone; its parameters never get bytes. */
  readonly outline: LoadedModel
  readonly quantization: ModelQuantization | undefined
}

/**
 * The name under which a compiled model is kept: it follows from everything that its bytes depend on, and is known from
 * headers alone. What tensors hold is trusted for this: the files are the same ones, so they hold what they held when
 * the model was compiled, and the name stands for what came of that. Undefined for what is not kept:
 *
 * - methods that do not state a revision, because what a later version of them makes could not be told apart;
 * - models that are calibrated while they load. A calibration takes minutes to hours, and its result is a checkpoint,
 *   which a compiled model cannot give back: save it once, and load that, which is then kept like any other.
 */
export async function nameModel(
  opened: OpenedModel,
  options: LoadModelOptions,
): Promise<NamedModel | undefined> {
  const { cache = true, compute = 'fast', memory = 'auto' } = options
  const isKept = opened.quantizer === undefined || opened.quantizer.revision !== undefined
  if (!cache || !isKept) return undefined
  const trusting = { ...opened, checkpoint: { ...opened.checkpoint, trusted: true } }
  const sketch = withQuantization(trusting, opened.merged)
  const plan = await planTrusting(sketch, options)
  if (plan === undefined || plan.planned.deferred.length > 0) return undefined
  const { planned: _, ...outline } = plan
  const { model, cacheDtype, configFile, quantizer, dtype } = sketch
  const graph = tryLower({ model, cacheDtype, shell: outline.shell, compute, memory })
  if (graph === undefined) return undefined
  const method = quantizer && [quantizer.quantMethod, quantizer.revision, quantizer.config.toDict()]
  const identity = await checkpointIdentity(opened.checkpoint, options.signal)
  const family = [model.name, model.revision]
  const subject = [NOTES_REVISION, identity, configFile.value, family, method, dtype, compute, memory]
  return { key: artifactKey(graph, subject), outline, quantization: quantizationOf(sketch, outline) }
}

/** Raise it when other things come to be noted. */
const NOTES_REVISION = 2

/** What trust makes of a checkpoint may be refused although the checkpoint is in order: who reads it will tell. */
async function planTrusting(
  sketch: OpenedModel,
  options: LoadModelOptions,
): Promise<PlannedModel | undefined> {
  try {
    return await planOpened(sketch, options)
  } catch (error) {
    if (HfquantError.isInstance(error)) return undefined
    throw error
  }
}

/** A model that cannot be computed may still be loaded and saved; using it says what is missing. */
function tryLower(source: LoweredSource): Graph | undefined {
  try {
    return lowerModel(source)
  } catch (error) {
    if (CapabilityError.isInstance(error)) return undefined
    throw error
  }
}

/** What is noted beside a compiled model, because only reading its tensors would tell. */
export interface ArtifactNotes {
  /** The quantization config as it is once every weight is made. */
  readonly config: JsonObject | null
  /** Bytes of all parameters. */
  readonly parameterBytes: number
  readonly warnings: readonly string[]
  readonly report: LoadingReport
  readonly skipped: ModelQuantization['skipped']
}

export function describeArtifact(
  { folder, quantizer }: OpenedModel,
  parameterBytes: number,
  { warnings, report, quantization }: LoadedModel,
): ArtifactDescription {
  const config = quantizer?.config.toDict() ?? null
  const skipped = quantization?.skipped ?? []
  const notes: ArtifactNotes = { config, parameterBytes, warnings, report, skipped }
  return { model: modelName(folder), source: resolve(folder), method: quantizer?.quantMethod ?? null, notes }
}

/** "organisation/name" of a model in the Hugging Face cache, else the name of the folder. */
function modelName(folder: string): string {
  const path = resolve(folder)
  const repository = /[\\/]models--(.+)[\\/]snapshots[\\/][^\\/]+$/.exec(path)?.[1]
  return repository?.replace('--', '/') ?? basename(path)
}
