import { KernelArgumentError } from '../errors.js'
import type { KernelDefinition } from '../kernel.js'
import { EIGHT_BIT_PARTS } from '../reference/eight-bit-blocks.js'
import {
  GGUF_ROUNDED_TYPES,
  type GgufRoundedParams,
  type GgufRoundedType,
  ggufRounded,
} from '../reference/gguf-rounded.js'
import { eightBitScratch, eightBitSizes, roundToEightBits } from './eight-bit-blocks.js'
import { readGroupSize } from './group-size.js'

const TYPES = Object.keys(GGUF_ROUNDED_TYPES) as GgufRoundedType[]

/** Blocks with least values -> codes or scales of MatMulNBits; see `reference.ggufRounded`. */
export const ggufRoundedKernel: KernelDefinition<GgufRoundedParams> = {
  name: 'ggufRounded',
  parse(read) {
    const type = read.choice('type', TYPES)
    const shape = { rows: read.count('rows'), ...readGroupSize('ggufRounded', read) }
    const { blockValues } = GGUF_ROUNDED_TYPES[type]
    if (shape.columns % blockValues !== 0) {
      const expected = `a multiple of ${blockValues}`
      throw new KernelArgumentError('ggufRounded', 'parameter "columns"', shape.columns, expected)
    }
    return { type, ...shape, part: read.choice('part', EIGHT_BIT_PARTS) }
  },
  sizes(params) {
    const { blockValues, blockBytes } = GGUF_ROUNDED_TYPES[params.type]
    const blocks = (params.rows * params.columns) / blockValues
    return { inputs: [blocks * blockBytes], outputs: [eightBitSizes(params)] }
  },
  scratch: (params) => params.rows * params.columns * 4 + eightBitScratch(params),
  reference: ggufRounded,
  simd(params, wasm, [blocks], [output], scratch) {
    const count = params.rows * params.columns
    const values = scratch.byteOffset
    const { blockValues } = GGUF_ROUNDED_TYPES[params.type]
    wasm.exports.ggufFloats(TYPES.indexOf(params.type), count / blockValues, blocks!.byteOffset, values)
    return roundToEightBits(wasm, params, values, output!.byteOffset, values + count * 4)
  },
}
