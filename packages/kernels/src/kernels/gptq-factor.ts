import type { KernelDefinition } from '../kernel.js'
import { type GptqFactorParams, gptqFactor } from '../reference/gptq-factor.js'

/** A factor of this size and its scratch fill the memory of a kernel. */
const MAX_SIZE = 16_384

/** Cholesky factor of an inverse; see `reference.gptqFactor`. */
export const gptqFactorKernel: KernelDefinition<GptqFactorParams> = {
  name: 'gptqFactor',
  parse: (read) => ({ size: read.count('size', 1, MAX_SIZE), damping: read.number('damping') }),
  sizes: ({ size }) => ({ inputs: [size * size * 4, size * 4], outputs: [size * size * 4] }),
  // The matrix and 64 rows more in float64, at an even stride: `gptqFactorScratch` of the module.
  scratch: ({ size }) => (Math.ceil(size / 2) * 2 + 2) * (size + 64) * 8,
  // A large Hessian and its factor need not be in memory together.
  overlay: true,
  reference: gptqFactor,
  simd: ({ size, damping }, { exports }, [hessian, order], [factor], scratch) => ({
    nonFinite: exports.gptqFactor(
      size,
      damping,
      hessian!.byteOffset,
      order!.byteOffset,
      factor!.byteOffset,
      scratch.byteOffset,
    ),
  }),
}
