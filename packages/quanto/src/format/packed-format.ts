import {
  blockProduct,
  blockScales,
  blockSizeFor,
  blocksOf,
  type ConstantPiece,
  type GraphBuilder,
  type GraphValue,
  groupOfBlock,
  isFloatDtype,
  type LoweringInput,
  packCodes,
  type QuantizedFormat,
  rowCalls,
  rowPieces,
  type WeightInfo,
} from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { PACKED_TYPES } from '../config/types.js'
import { PACKED_CODES, type PackedLayout, SCALE, SHIFT } from './layout.js'
import { type Slabs, slabHeight, unpackGroups } from './packing.js'

/** w' = scale · code − shift, each step rounded to float32. */
export function packedFormat(layout: PackedLayout): QuantizedFormat {
  const { type, groupSize, components } = layout
  return {
    name: `quanto ${type} per group of ${groupSize}`,
    components: () => components,
    dequantize(stored, out, weight) {
      const perRow = weight.inFeatures / groupSize
      const scales = widenFloats(stored.bytes(SCALE), layout.scaleDtype)
      const shifts = readShifts(stored.bytes(SHIFT), layout)
      const [slabs, isWhole] = [slabsFor(weight, layout), !isFloatDtype(layout.shiftDtype)]
      const codes = new Uint8Array(weight.inFeatures)
      for (let row = 0; row < out.count; row++) {
        unpackGroups(stored.bytes(PACKED_CODES), (out.first + row) * perRow, codes, slabs)
        const values = out.at(row)
        for (let column = 0; column < values.length; column++) {
          const group = row * perRow + Math.floor(column / groupSize)
          const [code, scale, shift] = [codes[column]!, scales[group]!, shifts[group]!]
          values[column] = isWhole ? scale * (code - shift) : Math.fround(scale * code) - shift
        }
      }
    },
    lower: (graph, layer) => lowerPacked(graph, layer, layout),
  }
}

/** Rows of every slab lie together in the codes, one slab behind the other. */
function slabPieces(
  { source, weight }: LoweringInput,
  { bits, groupSize, height }: Slabs,
): readonly ConstantPiece[] | undefined {
  const stored = source?.(PACKED_CODES)
  if (stored === undefined) return undefined
  const groups = (weight.outFeatures * weight.inFeatures) / groupSize
  const slabCount = Math.ceil(groups / height)
  return Array.from({ length: slabCount }, (_, slab) => {
    const pieces = rowCalls(stored, {
      ...{ rows: Math.min(height, groups - slab * height), storedBytes: groupSize, madeBytes: groupSize / 2 },
      call: () => ({ kernel: 'slabNibbles', params: { bits, slab } }),
    })
    return pieces!.map(({ output, ...piece }) => ({
      ...piece,
      output: { ...output, offset: output.offset + (slab * height * groupSize) / 2 },
    }))
  }).flat()
}

const slabsFor = ({ outFeatures, inFeatures }: WeightInfo, { type, groupSize }: PackedLayout): Slabs => {
  const bits = PACKED_TYPES[type]
  return { bits, groupSize, height: slabHeight((outFeatures * inFeatures) / groupSize, bits) }
}

function readShifts(bytes: Uint8Array, { shiftDtype }: PackedLayout): Float32Array {
  if (isFloatDtype(shiftDtype)) return widenFloats(bytes, shiftDtype)
  return Float32Array.from(bytes, (byte) => (shiftDtype === 'int8' ? (byte << 24) >> 24 : byte))
}

/** What the operator takes from each code of 4 bits by itself. */
const CENTRE = 8

/**
 * y = x·Wᵀ with codes of 4 bits, and with sums of the inputs for the shifts: these are real numbers, which no zero point is. Codes
 * of 2 bits are moved around the centre.
 *
 * @returns undefined for groups that no block size of the operator divides.
 */
function lowerPacked(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: PackedLayout,
): GraphValue | undefined {
  const { groupSize, scaleDtype } = layout
  const { path, outFeatures, inFeatures } = layer.weight
  const blockSize = blockSizeFor(groupSize, inFeatures)
  if (blockSize === undefined) return undefined
  const slabs = slabsFor(layer.weight, layout)
  const perRow = inFeatures / groupSize
  const move = CENTRE - 2 ** (slabs.bits - 1)
  const readScales = async () => widenFloats(await layer.read(SCALE), scaleDtype)
  return blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${path}.matmul_nbits`, bits: 4, blockSize },
    codes: {
      async *chunks() {
        const bytes = await layer.read(PACKED_CODES)
        for (const [first, end] of rowPieces(outFeatures, inFeatures)) {
          const codes = new Uint8Array((end - first) * inFeatures)
          unpackGroups(bytes, first * perRow, codes, slabs)
          const moved = move === 0 ? codes : codes.map((code) => code + move)
          yield packCodes(moved, end - first, { columns: inFeatures, bits: 4, blockSize })
        }
      },
      pieces: () => (inFeatures % blockSize === 0 ? slabPieces(layer, slabs) : undefined),
    },
    scales: {
      async *chunks() {
        const scales = await readScales()
        const scaleOf = (row: number, block: number) =>
          scales[row * perRow + groupOfBlock(block, blockSize, groupSize)]!
        yield* blockScales(outFeatures, blocksOf(inFeatures, blockSize), scaleOf)
      },
    },
    offsets: {
      columns: groupSize,
      values: {
        async *chunks() {
          const scales = await readScales()
          const shifts = readShifts(await layer.read(SHIFT), layout)
          const isWhole = !isFloatDtype(layout.shiftDtype)
          yield* blockScales(perRow, outFeatures, (run, row) => {
            const group = row * perRow + run
            const [scale, shift] = [scales[group]!, shifts[group]!]
            return (CENTRE - move) * scale - (isWhole ? scale * shift : shift)
          })
        },
      },
    },
  })
}
