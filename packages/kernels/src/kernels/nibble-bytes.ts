import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type NibbleBytesParams, nibbleBytes } from '../reference/nibble-bytes.js'

/** Four-bit codes through a table; see `reference.nibbleBytes`. */
export const nibbleBytesKernel: KernelDefinition<NibbleBytesParams> = {
  name: 'nibbleBytes',
  parse: (read) => ({ firstHigh: read.flag('firstHigh') }),
  sizes: (_params, [length = 0]) => ({ inputs: [length, 16], outputs: [2 * length] }),
  reference: nibbleBytes,
  simd({ firstHigh }, { exports }, [packed, table], [result]) {
    const { byteLength, byteOffset } = packed!
    exports.nibbleBytes(Number(firstHigh), byteLength, byteOffset, table!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
}
