import type { KernelDefinition, KernelResult } from '../kernel.js'
import { EIGHT_BIT_PARTS, type EightBitBlocksParams, eightBitBlocks } from '../reference/eight-bit-blocks.js'
import { floatBytes } from '../reference/float-formats.js'
import { SCALE_FLOORS } from '../reference/int-groups.js'
import { SIGN_BITS } from '../reference/offset-codes.js'
import { DTYPE_NUMBER, MAPPING_NUMBER, type WasmKernels } from '../wasm/instance.js'
import { readGroupSize } from './group-size.js'

type Blocks = Omit<EightBitBlocksParams, 'dtype'>

/** Bytes of the half that is wanted. */
export const eightBitSizes = ({ rows, columns, groupSize, part }: Blocks): number =>
  part === 'codes' ? rows * columns : ((rows * columns) / groupSize) * floatBytes('float32')

/** Both halves, and zero points that are 0. */
export const eightBitScratch = ({ rows, columns, groupSize }: Blocks): number =>
  rows * columns + ((rows * columns) / groupSize) * (floatBytes('float32') + 1)

/** Float32 values to the half that is wanted; addresses of values, result and scratch. */
export function roundToEightBits(
  { exports }: WasmKernels,
  { rows, columns, groupSize, part }: Blocks,
  values: number,
  output: number,
  scratch: number,
): KernelResult {
  const count = rows * columns
  const groups = count / groupSize
  const codes = scratch + groups * 4
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
    part === 'scales' ? output : scratch,
    codes + count,
  )
  if (part === 'codes') exports.offsetCodes(SIGN_BITS[8], count, codes, output)
  return { nonFinite }
}

/** Codes or scales of a weight in blocks of 8 bits; see `reference.eightBitBlocks`. */
export const eightBitBlocksKernel: KernelDefinition<EightBitBlocksParams> = {
  name: 'eightBitBlocks',
  parse: (read) => ({
    dtype: read.dtype('dtype'),
    rows: read.count('rows'),
    ...readGroupSize('eightBitBlocks', read),
    part: read.choice('part', EIGHT_BIT_PARTS),
  }),
  sizes: (params) => ({
    inputs: [params.rows * params.columns * floatBytes(params.dtype)],
    outputs: [eightBitSizes(params)],
  }),
  scratch: (params) => widenedBytes(params) + eightBitScratch(params),
  reference: eightBitBlocks,
  simd(params, wasm, [weight], [output], scratch) {
    const { dtype, rows, columns } = params
    const widened = widenedBytes(params)
    const values = widened === 0 ? weight!.byteOffset : scratch.byteOffset
    if (widened > 0) {
      wasm.exports.cast(DTYPE_NUMBER[dtype], DTYPE_NUMBER.float32, rows * columns, weight!.byteOffset, values)
    }
    return roundToEightBits(wasm, params, values, output!.byteOffset, scratch.byteOffset + widened)
  },
}

const widenedBytes = ({ dtype, rows, columns }: EightBitBlocksParams): number =>
  dtype === 'float32' ? 0 : rows * columns * floatBytes('float32')
