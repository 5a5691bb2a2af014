import type { KernelDefinition } from '../kernel.js'
import { type GptqFactorParams, gptqFactor } from '../reference/gptq-factor.js'
import { triangleLength } from '../reference/gptq-triangle.js'

/** A triangle of this size in float64 and the factor fill the memory of a kernel. */
const MAX_SIZE = 24_576
/** Rows of a triangle in float64 that lie at the same distance from each other. */
const BAND = 64

/** Cholesky factor of an inverse; see `reference.gptqFactor`. */
export const gptqFactorKernel: KernelDefinition<GptqFactorParams> = {
  name: 'gptqFactor',
  parse: (read) => ({
    size: read.count('size', 1, MAX_SIZE),
    panelRows: read.count('panelRows', 1),
    damping: read.number('damping'),
  }),
  sizes({ size, panelRows }) {
    const triangle = triangleLength(size, panelRows) * 4
    return { inputs: [triangle, size * 4, size * 4], outputs: [triangle] }
  },
  scratch: ({ size }) => scratchBytes(size),
  // A large Hessian and its factor need not be in memory together.
  overlay: true,
  reference: gptqFactor,
  simd: ({ size, panelRows, damping }, { exports }, [hessian, diagonal, order], [factor], scratch) => ({
    nonFinite: exports.gptqFactor(
      size,
      panelRows,
      damping,
      hessian!.byteOffset,
      diagonal!.byteOffset,
      order!.byteOffset,
      factor!.byteOffset,
      scratch.byteOffset,
    ),
  }),
}

/** As `gptqFactorScratch` of the module: bands of growing width in float64, one band besides, and an address per row. */
function scratchBytes(size: number): number {
  const bands = Math.ceil(size / BAND)
  const triangle = BAND * ((BAND * bands * (bands + 1)) / 2 + 2 * bands)
  return (triangle + BAND * (bands * BAND + 2)) * 8 + size * 4
}
