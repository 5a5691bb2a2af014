import { ConfigError } from '@hfquant/core'
import type { ModelFacts } from '@hfquant/models'

/** Tables of this size are nothing to worry about: a million positions of a head of 32. */
const LEAST_LIMIT_BYTES = 256 * 2 ** 20

/**
 * Every other size of a config.json is compared with the shapes of tensors; positions are in none. The cosines and sines
 * of all of them are written into the compiled model, so a folder of 1 MB could fill a disk.
 *
 * @param bytesOnDisk of the weights: tables larger than these are refused
 * @throws ConfigError FIELD_VALUE max_position_embeddings
 */
export function checkPositions(
  { maxPositions, layers, turning }: Pick<ModelFacts, 'maxPositions' | 'layers' | 'turning'>,
  bytesOnDisk: number,
): void {
  const limit = Math.max(bytesOnDisk, LEAST_LIMIT_BYTES)
  // Heads of another size have tables of their own.
  const headSizes = turning ?? [
    ...new Set(layers.flatMap((cache) => (cache.kind === 'kv' ? [cache.headSize] : []))),
  ]
  // Two tables of float32, [positions, headSize / 2] each.
  const bytesPerPosition = headSizes.reduce((sum, size) => sum + size, 0) * Float32Array.BYTES_PER_ELEMENT
  if (maxPositions * bytesPerPosition <= limit) return
  const most = Math.floor(limit / bytesPerPosition)
  throw new ConfigError(
    'FIELD_VALUE',
    `max_position_embeddings is ${maxPositions} with heads of ${headSizes.join(', ')}, expected at most ${most} for weights of ${bytesOnDisk} bytes`,
    {
      field: 'max_position_embeddings',
      found: maxPositions,
      expected: most,
      hint: 'The tables of positions would be larger than the weights. Correct config.json; no text is that long.',
    },
  )
}
