import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { copy } from '../reference/copy.js'

/** One input -> one output of equal length. */
export const copyKernel: KernelDefinition<Record<string, never>> = {
  name: 'copy',
  parse: () => ({}),
  sizes: (_params, [length = 0]) => ({ inputs: [length], outputs: [length] }),
  reference: copy,
  simd: (_params, { exports }, [source], [target]) => {
    exports.copy(source!.byteLength, source!.byteOffset, target!.byteOffset)
    return ALL_FINITE
  },
}
