import { CapabilityError, ConfigError, type MergedQuantization, type Shell } from '@hfquant/core/runtime'

/**
 * The quantization with the output projection in it. One that is tied stays what the embedding is.
 *
 * @throws ConfigError MODEL_QUANTIZED for a checkpoint that is quantized already; CapabilityError HEAD_UNAVAILABLE when
 * the method has no such choice.
 */
export function includeHead(
  merged: MergedQuantization,
  { ties, outputEmbedding }: Shell,
  model: string,
): MergedQuantization {
  const { method, config, backend, preQuantized } = merged
  if (preQuantized) {
    throw new ConfigError('MODEL_QUANTIZED', `${model} is quantized already, its head or not`, {
      field: 'quantizeLmHead',
      hint: 'Load it as it is, or quantize the float model that it was made from.',
    })
  }
  if (ties.some(({ alias }) => alias.startsWith(`${outputEmbedding}.`))) return merged
  if (backend.withOutputProjection !== undefined) {
    return { ...merged, config: backend.withOutputProjection(config) }
  }
  throw new CapabilityError('HEAD_UNAVAILABLE', `"${method}" does not quantize ${outputEmbedding}`, {
    module: outputEmbedding,
    field: 'quantizeLmHead',
    hint: 'Leave quantizeLmHead out.',
  })
}
