import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import {
  GGUF_CODED_TYPES,
  type GgufCodedType,
  type GgufCodesParams,
  ggufCodeBlock,
  ggufCodes,
  hasOffsets,
} from '../reference/gguf-codes.js'

const PARTS = ['codes', 'scales'] as const
const WITH_OFFSETS = [...PARTS, 'offsets'] as const
const TYPES = Object.keys(GGUF_CODED_TYPES) as GgufCodedType[]

/** Blocks -> codes, scales or offsets of MatMulNBits; see `reference.ggufCodes`. */
export const ggufCodesKernel: KernelDefinition<GgufCodesParams> = {
  name: 'ggufCodes',
  parse(read) {
    const type = read.choice('type', TYPES)
    const columns = read.count('columns')
    const { blockValues } = GGUF_CODED_TYPES[type]
    if (columns % blockValues !== 0) {
      throw new KernelArgumentError(
        'ggufCodes',
        'parameter "columns"',
        columns,
        `a multiple of ${blockValues}`,
      )
    }
    return {
      type,
      rows: read.count('rows'),
      columns,
      part: read.choice('part', hasOffsets(type) ? WITH_OFFSETS : PARTS),
    }
  },
  sizes({ type, rows, columns, part }) {
    const { blockValues, blockBytes, bits } = GGUF_CODED_TYPES[type]
    const count = rows * columns
    const output = part === 'codes' ? (count * bits) / 8 : (count / ggufCodeBlock(type)) * 4
    return { inputs: [(count / blockValues) * blockBytes], outputs: [output] }
  },
  reference: ggufCodes,
  simd({ type, rows, columns, part }, { exports }, [blocks], [output]) {
    const count = (rows * columns) / GGUF_CODED_TYPES[type].blockValues
    const [number, from, to] = [TYPES.indexOf(type), blocks!.byteOffset, output!.byteOffset]
    if (part === 'scales') return { nonFinite: exports.ggufScales(number, count, from, to) }
    if (part === 'offsets') return { nonFinite: exports.ggufOffsets(number, count, from, to) }
    exports.ggufCodes(number, count, from, to)
    return ALL_FINITE
  },
}
