import type { ModelDescription } from '@hfquant/models'
import { nameArtifact } from '../compile/name.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { Version } from '../shared/version.js'
import type { Weights } from './weights.js'

/**
 * The weights of a loaded model, for another graph that computes with some of them: nothing is read, quantized or held
 * twice, and nothing is given back by whoever uses them.
 *
 * @param model what is computed; its parameters are among those of the version.
 */
export async function sharedWeights(
  { weights, opened, isRestored }: Version,
  model: ModelDescription,
  options: LoadModelOptions,
): Promise<Weights> {
  const own = { ...opened, model, checkpoint: { ...opened.checkpoint, close: async () => {} } }
  // Restored weights are not those of the files, which a compiled model is named after.
  const isKept = weights.artifact !== undefined && !isRestored
  return {
    opened: own,
    get loaded() {
      return weights.loaded
    },
    quantization: weights.quantization,
    warnings: [],
    artifact: isKept ? nameArtifact(own, weights.loaded, options) : undefined,
    parameterBytes: () => weights.parameterBytes(),
    fill: (signal) => weights.fill(signal),
    release: () => {},
  }
}
