import type { ModelInspection } from 'hfquant'

/**
 * Bits that a weight takes on disk: 8 × bytes / number of values, over the quantized weights. The bytes are those of
 * every tensor that belongs to such a weight: codes, scales, zero points, absolute maxima, lookup tables; biases and
 * everything that stays in float are left out, and a weight that two modules share counts once. For a float model: the same
 * over its linear weights.
 *
 * @returns null for a model without any of them.
 */
export function bitsPerWeight({
  quantization,
  modules,
}: Pick<ModelInspection, 'quantization' | 'modules'>): number | null {
  const counted = modules.filter(
    ({ kind, quantized, isTied }) => !isTied && (quantization === undefined ? kind === 'linear' : quantized),
  )
  const bytes = counted.reduce((sum, { weightBytes }) => sum + weightBytes, 0)
  const values = counted.reduce((sum, { weightElements }) => sum + weightElements, 0)
  return values === 0 ? null : (8 * bytes) / values
}
