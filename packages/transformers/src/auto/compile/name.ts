import { CapabilityError, cacheFolder, checkpointIdentity, type LoadedModel } from '@hfquant/core/runtime'
import { artifactFacts, artifactKey, type Graph, hasArtifactOf } from '@hfquant/onnx'
import { type LoweredSource, lowerModel } from '../../lower/lower-model.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'

/**
 * The name under which a compiled model is kept: it follows from everything that the bytes of the compiled model depend
 * on. A file whose digest is not noted is read for it.
 */
export interface ModelName {
  /** Whether some model with these headers was compiled. Reads no weights. */
  mayBeKept(): Promise<boolean>
  /** @throws the reason of `signal` */
  key(signal: AbortSignal | undefined): Promise<string>
}

/**
 * Names the compiled model of a checkpoint. What tensors hold is trusted: if the files are the same ones, they hold what
 * they held when the model was compiled, and the name stands for what came of that.
 *
 * @param model decided from headers, with tensors taken on trust.
 * @returns undefined for a model that cannot be computed. It may still be loaded and saved; using it says what is missing.
 */
export function nameArtifact(
  { model: described, cacheDtype, configFile, quantizer, dtype, checkpoint }: OpenedModel,
  { shell }: LoadedModel,
  { compute = 'fast', memory = 'auto' }: LoadModelOptions,
): ModelName | undefined {
  const graph = tryLower({ model: described, cacheDtype, shell, compute, memory })
  if (graph === undefined) return undefined
  const method = quantizer && [quantizer.quantMethod, quantizer.revision, quantizer.config.toDict()]
  const family = [described.name, described.revision]
  const facts = artifactFacts(graph, [
    ...[NOTES_REVISION, configFile.value, family, method],
    ...[dtype, compute, memory],
  ])
  let known: string | undefined
  return {
    mayBeKept: () => hasArtifactOf(cacheFolder(), facts),
    async key(signal) {
      known ??= artifactKey(facts, await checkpointIdentity(checkpoint, signal))
      return known
    },
  }
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
