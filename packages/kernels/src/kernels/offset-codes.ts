import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { offsetCodes } from '../reference/offset-codes.js'

/** Codes int8 -> uint8, code + 128. */
export const offsetCodesKernel: KernelDefinition<Record<string, never>> = {
  name: 'offsetCodes',
  parse: () => ({}),
  sizes: (_params, [length = 0]) => ({ inputs: [length], outputs: [length] }),
  reference: offsetCodes,
  simd: (_params, { exports }, [codes], [result]) => {
    exports.offsetCodes(codes!.byteLength, codes!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
}
