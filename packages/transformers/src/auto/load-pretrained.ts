import { confirmRecipe } from './open/confirm-recipe.js'
import type { WantedModel } from './open/demand-kind.js'
import { asksToQuantize, type LoadModelOptions } from './open/load-options.js'
import type { ModelSource } from './open/model-source.js'
import { type OpenedModel, openModel } from './open/open-model.js'
import { loadWeights } from './weights/load-weights.js'
import type { Weights } from './weights/weights.js'

/**
 * Loads a model folder as a class of models: what every `fromPretrained` does. A folder that says it is quantized is loaded
 * as what it is, and may be asked to be quantized in that very way; a float one is quantized while it streams in.
 *
 * @param create makes the model; the weights are its own from then on.
 * @param prepare what is read of the folder besides, before any weight: a failure after the weights would have to give them
 * back.
 * @throws ConfigError, CheckpointError, EnvironmentError, DeviceMapError, CapabilityError before weights are read;
 * CheckpointError TENSOR_NOT_FINITE, OutputError or the reason of `signal` while they stream.
 */
export async function loadPretrained<Model, Prepared = undefined>(
  source: ModelSource,
  options: LoadModelOptions,
  wanted: WantedModel,
  create: (weights: Weights, prepared: Prepared) => Model,
  prepare: (opened: OpenedModel) => Promise<Prepared> = async () => undefined as Prepared,
): Promise<Model> {
  const opened = await openModel(source, options, wanted)
  try {
    const { merged, folder } = opened
    if (merged?.preQuantized && asksToQuantize(options)) confirmRecipe(merged, folder)
    const prepared = await prepare(opened)
    return create(await loadWeights(opened, options), prepared)
  } catch (error) {
    await opened.checkpoint.close()
    throw error
  }
}
