import {
  type ConstantPiece,
  cast,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
} from '@hfquant/core'
import { LLM_INT8_STEP, transposedCodes, transposedPieces } from '@hfquant/kernels'

/** Where the parts of an int8 weight are, and from which magnitude on an activation is an outlier. */
export interface Int8Weight {
  readonly codes: string
  readonly absMax: string
  /** 0: no outliers. */
  readonly threshold: number
}

/** float32 of 6.200124e-05, the factor of the library's CPU path; 1/127² is 6.200012e-05. */
const OUTPUT_STEP = Math.fround(6.200124e-5)

/**
 * y = x·Wᵀ as the library computes it: activations in float16 and from there in int8, one scale a row; the product in
 * integers; columns with an outlier apart, in float32.
 *
 * Integers run as uint8 with zero point 128 on both sides, which is exact on every processor.
 */
export function lowerLlmInt8(graph: GraphBuilder, layer: LoweringInput, weight: Int8Weight): GraphValue {
  const { path, outFeatures, inFeatures } = layer.weight
  const { node, literal } = graph
  const codes = graph.constant({
    name: `${path}.llm_int8.codes`,
    dtype: 'uint8',
    shape: [inFeatures, outFeatures],
    chunks: () => weightCodes(layer, weight.codes),
    pieces: () => weightPieces(layer, weight.codes),
  })
  const absMax = layer.component(weight.absMax)
  const zeroPoint = literal('uint8', [], [128])
  const number = (value: number) => literal('float32', [], [value])

  // [tokens, inFeatures], whatever the rank of the input.
  const input = node('Reshape', [layer.input, literal('int64', [2], [-1, inFeatures])])
  const half = cast(graph, cast(graph, input, 'float16'), 'float32')
  const magnitude = node('Abs', [half])
  const outliers = weight.threshold > 0 ? findOutliers(graph, magnitude, weight.threshold) : undefined
  const kept = outliers === undefined ? magnitude : node('Where', [outliers.elements, number(0), magnitude])
  const rowMax = node('ReduceMax', [kept, literal('int64', [1], [1])])
  const isZero = node('Equal', [rowMax, number(0)])
  const divisor = node('Where', [isZero, number(1), rowMax])
  // A constant 1 would let the runtime turn (1 / divisor) * 127 into 127 / divisor, which rounds otherwise.
  const one = node('Where', [isZero, number(1), number(1)])
  const factor = node('Mul', [node('Div', [one, divisor]), number(127)])
  const rounded = node('Round', [node('Mul', [half, factor])])
  const inner = outliers === undefined ? rounded : node('Where', [outliers.columns, number(0), rounded])
  const activations = cast(graph, node('Add', [inner, number(128)]), 'uint8')
  const integers = node('MatMulInteger', [activations, codes, zeroPoint, zeroPoint])
  const scale = node('Mul', [node('Mul', [rowMax, absMax]), number(OUTPUT_STEP)])
  const product = node('Mul', [cast(graph, integers, 'float32'), scale])
  const sum =
    outliers === undefined
      ? product
      : node('Add', [product, outlierProduct(graph, input, codes, absMax, outliers.columns)])
  return node('Reshape', [sum, outputShape(graph, layer)])
}

interface Outliers {
  /** bool [tokens, inFeatures] */
  readonly elements: GraphValue
  /** bool [inFeatures] */
  readonly columns: GraphValue
}

function findOutliers({ node, literal }: GraphBuilder, magnitude: GraphValue, threshold: number): Outliers {
  const limit = literal('float32', [], [threshold])
  const columnMax = node('ReduceMax', [magnitude, literal('int64', [1], [0])], {
    attributes: { keepdims: { int: 0 } },
  })
  return {
    elements: node('GreaterOrEqual', [magnitude, limit]),
    columns: node('GreaterOrEqual', [columnMax, limit]),
  }
}

/** The outlier columns of the input, as they came, times those of the dequantized weight. */
function outlierProduct(
  graph: GraphBuilder,
  input: GraphValue,
  codes: GraphValue,
  absMax: GraphValue,
  columns: GraphValue,
): GraphValue {
  const { node, literal } = graph
  const inputs = node('Compress', [input, columns], { attributes: { axis: { int: 1 } } })
  const chosen = node('Compress', [codes, columns], { attributes: { axis: { int: 0 } } })
  const signed = node('Sub', [cast(graph, chosen, 'float32'), literal('float32', [], [128])])
  const values = node('Mul', [node('Mul', [signed, absMax]), literal('float32', [], [LLM_INT8_STEP])])
  return node('MatMul', [inputs, values])
}

/** The input's shape with another last dimension. */
function outputShape({ node, literal }: GraphBuilder, { input, weight }: LoweringInput): GraphValue {
  const leading = node('Shape', [input], { attributes: { end: { int: -1 } } })
  return node('Concat', [leading, literal('int64', [1], [weight.outFeatures])], {
    attributes: { axis: { int: 0 } },
  })
}

async function* weightCodes({ weight, read }: LoweringInput, key: string): AsyncGenerator<Uint8Array> {
  yield* transposedCodes(await read(key), weight.outFeatures, weight.inFeatures)
}

function weightPieces({ weight, source }: LoweringInput, key: string): readonly ConstantPiece[] | undefined {
  const stored = source?.(key)
  return stored && transposedPieces(stored, weight.outFeatures, weight.inFeatures)
}
