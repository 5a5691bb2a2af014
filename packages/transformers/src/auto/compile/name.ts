import { CapabilityError, checkpointIdentity, type LoadedModel } from '@hfquant/core/runtime'
import { artifactKey, type Graph } from '@hfquant/onnx'
import { type LoweredSource, lowerModel } from '../../lower/lower-model.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'

/**
 * The name under which a compiled model is kept: it follows from everything that the bytes of the compiled model depend
 * on, and is known from headers alone. What tensors hold is trusted: the files are the same ones, so they hold what they
 * held when the model was compiled, and the name stands for what came of that.
 *
 * @param model decided from headers, with tensors taken on trust.
 * @returns undefined for a model that cannot be computed. It may still be loaded and saved; using it says what is missing.
 */
export async function nameArtifact(
  { model: described, cacheDtype, configFile, quantizer, dtype, checkpoint }: OpenedModel,
  { shell }: LoadedModel,
  { compute = 'fast', memory = 'auto', signal }: LoadModelOptions,
): Promise<string | undefined> {
  const graph = tryLower({ model: described, cacheDtype, shell, compute, memory })
  if (graph === undefined) return undefined
  const method = quantizer && [quantizer.quantMethod, quantizer.revision, quantizer.config.toDict()]
  const identity = await checkpointIdentity(checkpoint, signal)
  const family = [described.name, described.revision]
  const subject = [NOTES_REVISION, identity, configFile.value, family, method, dtype, compute, memory]
  return artifactKey(graph, subject)
}

/** Raise it when other things come to be noted. */
const NOTES_REVISION = 2

function tryLower(source: LoweredSource): Graph | undefined {
  try {
    return lowerModel(source)
  } catch (error) {
    if (CapabilityError.isInstance(error)) return undefined
    throw error
  }
}
