import { ConfigError, type MergedQuantization, publishInfo } from '@hfquant/core/runtime'

/**
 * A quantized model may be asked to be quantized in the way that it is, which changes nothing, and in no other.
 *
 * @param model what to call it in messages
 * @throws ConfigError MODEL_QUANTIZED naming the keys that differ.
 */
export function confirmRecipe({ method, config, backend, ignored }: MergedQuantization, model: string): void {
  const differing = ignored.filter((key) => backend.recipeKeys?.includes(key))
  if (differing.length === 0) {
    publishInfo(`${model} is quantized with "${method}" already, as asked`)
    return
  }
  const found = config.toDict()
  throw new ConfigError(
    'MODEL_QUANTIZED',
    `${model} is quantized already, with "${method}" and another ${differing.join(', ')} than asked for`,
    {
      field: differing[0],
      found: Object.fromEntries(differing.map((key) => [key, found[key]])),
      hint: 'Load it as it is, or quantize the float model that it was made from.',
    },
  )
}
