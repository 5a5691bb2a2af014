import {
  blockProduct,
  blockScales,
  blockSizeFor,
  blocksOf,
  FLOAT8_VALUES,
  float8Product,
  type GraphBuilder,
  type GraphValue,
  integerProduct,
  type LoweringInput,
  offsetRows,
  packCodes,
  type QuantizedFormat,
  readCodeRow,
  rowPieces,
  UNSIGNED_ZERO,
} from '@hfquant/core'
import { type Float8Dtype, widenFloats } from '@hfquant/kernels'
import { BYTE_TYPES } from '../config/types.js'
import { type ByteLayout, CODES, INPUT_SCALE, SCALE } from './layout.js'

/** w' = scale · code, rounded to float32, with a scale for each row. */
export function byteFormat(layout: ByteLayout): QuantizedFormat {
  const { type, scaleDtype, components } = layout
  const codeValues = valuesOf(layout)
  return {
    name: `quanto ${type} per row`,
    components: () => components,
    dequantize(stored, out, { path, inFeatures }) {
      const codes = stored.bytes(CODES)
      const scales = widenFloats(stored.bytes(SCALE), scaleDtype)
      for (let row = 0; row < out.count; row++) {
        const values = out.at(row)
        const place = { tensor: `${path}.${CODES}`, row: out.first + row }
        readCodeRow(codes.subarray(row * inFeatures), codeValues, values, place)
        for (let column = 0; column < inFeatures; column++) values[column] = values[column]! * scales[row]!
      }
    },
    lower(graph, layer) {
      if (type !== 'qint8') return lowerFloat8(graph, layer, layout, BYTE_TYPES[type])
      return layout.inputScale === undefined
        ? lowerInt8(graph, layer, layout)
        : lowerStatic(graph, layer, layout)
    },
  }
}

/** The value of each byte. */
const valuesOf = ({ type }: ByteLayout): Float32Array =>
  type === 'qint8'
    ? Float32Array.from({ length: 256 }, (_, byte) => (byte << 24) >> 24)
    : FLOAT8_VALUES[BYTE_TYPES[type]]

/** Codes as they are, with activations rounded to int8 for each block of a token. */
function lowerInt8(graph: GraphBuilder, layer: LoweringInput, { scaleDtype }: ByteLayout): GraphValue {
  const { path, outFeatures, inFeatures } = layer.weight
  const blockSize = blockSizeFor(inFeatures, inFeatures)!
  const packed = { columns: inFeatures, bits: 8, blockSize, signed: true } as const
  return blockProduct(graph, layer.input, layer.weight, {
    ...{ name: `${path}.matmul_nbits`, bits: 8, blockSize },
    codes: {
      async *chunks() {
        const codes = await layer.read(CODES)
        for (const [first, end] of rowPieces(outFeatures, inFeatures))
          yield packCodes(codes.subarray(first * inFeatures, end * inFeatures), end - first, packed)
      },
      pieces: () => (inFeatures % blockSize === 0 ? offsetRows(layer, CODES) : undefined),
    },
    scales: {
      async *chunks() {
        const scales = widenFloats(await layer.read(SCALE), scaleDtype)
        yield* blockScales(outFeatures, blocksOf(inFeatures, blockSize), (row) => scales[row]!)
      },
    },
  })
}

/** Activations as the file quantizes them, all of a layer with one scale; what comes out of the layer is left alone. */
function lowerStatic(
  graph: GraphBuilder,
  layer: LoweringInput,
  { scaleDtype, inputScale }: ByteLayout,
): GraphValue | undefined {
  const { path } = layer.weight
  const scale = graph.constant({
    ...{ name: `${path}.${INPUT_SCALE}`, dtype: 'float32', shape: [] },
    async *chunks() {
      yield new Uint8Array(widenFloats(await layer.read(INPUT_SCALE), inputScale!).buffer)
    },
  })
  const zero = graph.literal('uint8', [], [UNSIGNED_ZERO])
  const codes = graph.node('QuantizeLinear', [layer.input, scale, zero])
  return integerProduct(
    graph,
    layer,
    { codes, scale, zeroPoint: undefined },
    { key: CODES, scales: async () => widenFloats(await layer.read(SCALE), scaleDtype) },
  )
}

const lowerFloat8 = (
  graph: GraphBuilder,
  layer: LoweringInput,
  { scaleDtype }: ByteLayout,
  dtype: Float8Dtype,
): GraphValue | undefined =>
  float8Product(graph, layer, {
    ...{ key: CODES, dtype, block: [1, layer.weight.inFeatures] },
    scales: async () => widenFloats(await layer.read(SCALE), scaleDtype),
  })
