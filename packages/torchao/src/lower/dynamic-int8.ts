import {
  type ConstantPiece,
  cast,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
  type QuantizedFormat,
} from '@hfquant/core'
import { transposedCodes, transposedPieces, widenFloats } from '@hfquant/kernels'
import { type GroupedCodes, QDATA, SCALE } from '../tensors/grouped-codes.js'
import type { Int8Activations } from '../tensors/int8-activations.js'
import { quantizeActivations, UNSIGNED_ZERO } from './quantize-activations.js'

/** More columns than this could overflow a sum of products of codes: 2^31 / (128 * 128). */
const MOST_COLUMNS = 2 ** 17 - 1

/**
 * y = x·Wᵀ by `MatMulInteger`, as torchao's Int8Tensor computes it: activations and weights as codes, an int32 product,
 * then the scale of the token and the scale of the row. Exact up to the rounding of the activations.
 *
 * Undefined for weights with a scale for each group, with zero points, or with too many columns: computed on the
 * dequantized weight.
 */
export function lowerDynamicInt8(
  codes: GroupedCodes,
  activations: Int8Activations,
): QuantizedFormat['lower'] | undefined {
  const { inFeatures, groupSize, zeroPoint } = codes
  if (groupSize !== inFeatures || zeroPoint === 'values' || inFeatures > MOST_COLUMNS) return undefined
  return (graph, layer) => dynamicInt8(graph, layer, codes, activations)
}

function dynamicInt8(
  graph: GraphBuilder,
  layer: LoweringInput,
  weight: GroupedCodes,
  activations: Int8Activations,
): GraphValue {
  const { inFeatures, outFeatures, path } = layer.weight
  const { codes, scale, zeroPoint } = quantizeActivations(graph, layer.input, activations)
  const operand = graph.constant({
    name: `${path}.matmul_integer.codes`,
    dtype: 'uint8',
    shape: [inFeatures, outFeatures],
    chunks: () => weightCodes(layer),
    pieces: () => weightPieces(layer),
  })
  const zero = graph.literal('uint8', [], [UNSIGNED_ZERO])
  const product = graph.node('MatMulInteger', [codes, operand, zero, zero])
  const scaled = graph.node('Mul', [cast(graph, product, 'float32'), scale])
  const scales = graph.constant({
    name: `${path}.matmul_integer.scales`,
    dtype: 'float32',
    shape: [outFeatures],
    chunks: () => rowScales(layer, weight),
  })
  if (zeroPoint === undefined) return graph.node('Mul', [scaled, scales])
  const sums = graph.constant({
    name: `${path}.matmul_integer.row_sums`,
    dtype: 'float32',
    shape: [outFeatures],
    chunks: () => rowSums(layer),
  })
  const shift = graph.node('Mul', [graph.node('Mul', [zeroPoint, scale]), sums])
  return graph.node('Mul', [graph.node('Sub', [scaled, shift]), scales])
}

async function* weightCodes({ weight, read }: LoweringInput): AsyncGenerator<Uint8Array> {
  yield* transposedCodes(await read(QDATA), weight.outFeatures, weight.inFeatures)
}

function weightPieces({ weight, source }: LoweringInput): readonly ConstantPiece[] | undefined {
  const stored = source?.(QDATA)
  return stored && transposedPieces(stored, weight.outFeatures, weight.inFeatures)
}

async function* rowScales(
  { weight, read }: LoweringInput,
  { scaleDtype, shared }: GroupedCodes,
): AsyncGenerator<Uint8Array> {
  const stored = widenFloats(await read(SCALE), scaleDtype)
  const scales = shared ? new Float32Array(weight.outFeatures).fill(stored[0]!) : stored
  yield new Uint8Array(scales.buffer)
}

async function* rowSums({ weight, read }: LoweringInput): AsyncGenerator<Uint8Array> {
  const { inFeatures, outFeatures } = weight
  const bytes = await read(QDATA)
  const codes = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sums = new Float32Array(outFeatures)
  for (let row = 0; row < outFeatures; row++) {
    let sum = 0
    for (let i = row * inFeatures; i < (row + 1) * inFeatures; i++) sum += codes[i]!
    sums[row] = sum
  }
  yield new Uint8Array(sums.buffer)
}
