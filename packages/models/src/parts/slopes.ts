/**
 * Slopes of attention with linear biases, one per head (Press et al. 2022, as BLOOM computes them): powers of
 * 2^(-8 / P) for the largest power of two P up to the number of heads, then odd powers of its root.
 */
export function alibiSlopes(heads: number): readonly number[] {
  const power = 2 ** Math.floor(Math.log2(heads))
  const base = 2 ** -(2 ** -(Math.log2(power) - 3))
  const finer = 2 ** -(2 ** -(Math.log2(2 * power) - 3))
  return Array.from({ length: heads }, (_, head) =>
    head < power ? base ** (head + 1) : finer ** (2 * (head - power) + 1),
  )
}
