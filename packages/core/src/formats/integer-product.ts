import { transposedCodes, transposedPieces } from '@hfquant/kernels'
import type { LoweringInput } from '../contract/format.js'
import type { ConstantPiece, GraphBuilder, GraphValue } from '../contract/graph.js'
import { cast } from './cast.js'

/** Activations as unsigned codes around 128, with what turns a product of them back into numbers. */
export interface IntegerActivations {
  /** uint8, the shape of the input: code + 128. */
  readonly codes: GraphValue
  /** float32, one for each token, [..., 1], or one for all. */
  readonly scale: GraphValue
  /** float32 of the same shape; undefined for a symmetric mapping, where it is 0. */
  readonly zeroPoint: GraphValue | undefined
}

/** A weight of int8 codes: w = code · scale of its row. */
export interface IntegerWeight {
  /** The component of the codes: int8 [N, K]. */
  readonly key: string
  /** [N] */
  scales(): Promise<Float32Array>
}

/** The middle of the unsigned codes. The operator is exact, and fast, for uint8 with this zero point on both sides. */
export const UNSIGNED_ZERO = 128

/** More columns than this could overflow a sum of products of codes: 2^31 / (128 * 128). */
const MOST_COLUMNS = 2 ** 17 - 1

/**
 * y = x·Wᵀ by `MatMulInteger`: activations and weights as codes, an int32 product, then the scale of the token and the scale
 * of the row. Exact up to the rounding of the activations; undefined for more columns than an int32 sum is exact for.
 */
export function integerProduct(
  graph: GraphBuilder,
  layer: LoweringInput,
  { codes, scale, zeroPoint }: IntegerActivations,
  weight: IntegerWeight,
): GraphValue | undefined {
  const { inFeatures, outFeatures, path } = layer.weight
  if (inFeatures > MOST_COLUMNS) return undefined
  const operand = graph.constant({
    name: `${path}.matmul_integer.codes`,
    dtype: 'uint8',
    shape: [inFeatures, outFeatures],
    chunks: () => weightCodes(layer, weight),
    pieces: () => weightPieces(layer, weight),
  })
  const zero = graph.literal('uint8', [], [UNSIGNED_ZERO])
  const product = graph.node('MatMulInteger', [codes, operand, zero, zero])
  const scaled = graph.node('Mul', [cast(graph, product, 'float32'), scale])
  const perRow = (part: string, values: () => Promise<Float32Array>) =>
    graph.constant({
      name: `${path}.matmul_integer.${part}`,
      dtype: 'float32',
      shape: [outFeatures],
      async *chunks() {
        yield new Uint8Array((await values()).buffer)
      },
    })
  const scales = perRow('scales', () => weight.scales())
  if (zeroPoint === undefined) return graph.node('Mul', [scaled, scales])
  const sums = perRow('row_sums', () => rowSums(layer, weight))
  const shift = graph.node('Mul', [graph.node('Mul', [zeroPoint, scale]), sums])
  return graph.node('Mul', [graph.node('Sub', [scaled, shift]), scales])
}

async function* weightCodes(
  { weight, read }: LoweringInput,
  { key }: IntegerWeight,
): AsyncGenerator<Uint8Array> {
  yield* transposedCodes(await read(key), weight.outFeatures, weight.inFeatures)
}

function weightPieces(
  { weight, source }: LoweringInput,
  { key }: IntegerWeight,
): readonly ConstantPiece[] | undefined {
  const stored = source?.(key)
  return stored && transposedPieces(stored, weight.outFeatures, weight.inFeatures)
}

async function rowSums({ weight, read }: LoweringInput, { key }: IntegerWeight): Promise<Float32Array> {
  const { inFeatures, outFeatures } = weight
  const { buffer, byteOffset, byteLength } = await read(key)
  const codes = new Int8Array(buffer, byteOffset, byteLength)
  const sums = new Float32Array(outFeatures)
  for (let row = 0; row < outFeatures; row++) {
    let sum = 0
    for (let i = row * inFeatures; i < (row + 1) * inFeatures; i++) sum += codes[i]!
    sums[row] = sum
  }
  return sums
}
