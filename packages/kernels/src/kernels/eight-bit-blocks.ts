import type { KernelDefinition } from '../kernel.js'
import { EIGHT_BIT_PARTS, type EightBitBlocksParams, eightBitBlocks } from '../reference/eight-bit-blocks.js'
import { floatBytes } from '../reference/float-formats.js'
import { SCALE_FLOORS } from '../reference/int-groups.js'
import { SIGN_BITS } from '../reference/offset-codes.js'
import { DTYPE_NUMBER, MAPPING_NUMBER } from '../wasm/instance.js'
import { readGroupSize } from './group-size.js'

/** Codes or scales of a weight in blocks of 8 bits; see `reference.eightBitBlocks`. */
export const eightBitBlocksKernel: KernelDefinition<EightBitBlocksParams> = {
  name: 'eightBitBlocks',
  parse: (read) => ({
    dtype: read.dtype('dtype'),
    rows: read.count('rows'),
    ...readGroupSize('eightBitBlocks', read),
    part: read.choice('part', EIGHT_BIT_PARTS),
  }),
  sizes({ dtype, rows, columns, groupSize, part }) {
    const count = rows * columns
    const outputs = [part === 'codes' ? count : (count / groupSize) * floatBytes('float32')]
    return { inputs: [count * floatBytes(dtype)], outputs }
  },
  scratch({ dtype, rows, columns, groupSize }) {
    const count = rows * columns
    const widened = dtype === 'float32' ? 0 : count * floatBytes('float32')
    return widened + count + (count / groupSize) * (floatBytes('float32') + 1)
  },
  reference: eightBitBlocks,
  simd({ dtype, rows, columns, groupSize, part }, { exports }, [weight], [output], scratch) {
    const count = rows * columns
    const groups = count / groupSize
    const scales = scratch.byteOffset
    const codes = scales + groups * 4
    const zeroPoints = codes + count
    let values = weight!.byteOffset
    if (dtype !== 'float32') {
      values = zeroPoints + groups
      exports.cast(DTYPE_NUMBER[dtype], DTYPE_NUMBER.float32, count, weight!.byteOffset, values)
    }
    const nonFinite = exports.intGroups(
      DTYPE_NUMBER.float32,
      DTYPE_NUMBER.float32,
      MAPPING_NUMBER.symmetricNoClippingErr,
      8,
      SCALE_FLOORS.tiny.float32,
      groups,
      groupSize,
      values,
      codes,
      part === 'scales' ? output!.byteOffset : scales,
      zeroPoints,
    )
    if (part === 'codes') exports.offsetCodes(SIGN_BITS[8], count, codes, output!.byteOffset)
    return { nonFinite }
  },
}
