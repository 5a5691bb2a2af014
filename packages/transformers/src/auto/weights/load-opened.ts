import { confirmRecipe } from '../open/confirm-recipe.js'
import { asksToQuantize, type LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import { loadWeights } from './load-weights.js'
import type { Weights } from './weights.js'

/**
 * The weights of an opened model. One that is quantized already may be asked to be quantized in that very way.
 *
 * @throws ConfigError MODEL_QUANTIZED; as the loader.
 */
export async function loadOpened(opened: OpenedModel, options: LoadModelOptions): Promise<Weights> {
  const { merged, folder } = opened
  if (merged?.preQuantized && asksToQuantize(options)) confirmRecipe(merged, folder)
  return loadWeights(opened, options)
}
