import type { KernelDefinition } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import { type HoldsNonFiniteParams, holdsNonFinite } from '../reference/holds-non-finite.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'

/** values [count] -> nothing but `nonFinite`: 1 when one of them is a NaN or an infinity. */
export const holdsNonFiniteKernel: KernelDefinition<HoldsNonFiniteParams> = {
  name: 'holdsNonFinite',
  parse: (read) => ({ dtype: read.dtype('dtype') }),
  sizes: ({ dtype }, [length = 0]) => ({
    inputs: [Math.floor(length / floatBytes(dtype)) * floatBytes(dtype)],
    outputs: [],
  }),
  reference: holdsNonFinite,
  simd: ({ dtype }, { exports }, [values]) => ({
    nonFinite: exports.holdsNonFinite(DTYPE_NUMBER[dtype], values!.byteLength, values!.byteOffset),
  }),
}
