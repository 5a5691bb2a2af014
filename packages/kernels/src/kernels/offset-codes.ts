import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type OffsetCodesParams, offsetCodes, SIGN_BITS } from '../reference/offset-codes.js'

/** Codes in two's complement -> unsigned; see `reference.offsetCodes`. */
export const offsetCodesKernel: KernelDefinition<OffsetCodesParams> = {
  name: 'offsetCodes',
  parse(read) {
    const bits = read.count('bits')
    if (bits === 4 || bits === 8) return { bits }
    throw new KernelArgumentError('offsetCodes', 'parameter "bits"', bits, '4 or 8')
  },
  sizes: (_params, [length = 0]) => ({ inputs: [length], outputs: [length] }),
  reference: offsetCodes,
  simd({ bits }, { exports }, [codes], [result]) {
    exports.offsetCodes(SIGN_BITS[bits], codes!.byteLength, codes!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
}
