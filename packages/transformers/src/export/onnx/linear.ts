import { blockProduct, elementCount, type GraphValue, type Module } from '@hfquant/core/runtime'
import { castFloats, GGUF_BLOCK, GGUF_BLOCK_BYTES, type GgufBlockType, runKernel } from '@hfquant/kernels'
import { convert, type Graph, lower } from '@hfquant/onnx'
import { type FloatWeight, floatWeights, inGroups, notFinite, rowBytes } from '../float-weight.js'
import { floatConstant } from './float-constant.js'
import type { OnnxFloat, OnnxPrecision } from './onnx-type.js'

/** Adds the nodes of a linear layer: y = x·Wᵀ + b. */
export type LowerLinear = (
  module: Module,
  path: string,
  input: GraphValue,
  options?: { readonly isOutput: boolean },
) => GraphValue

/**
 * Linear layers in floats, or in blocks of 32 with the codes and scales of GGUF's Q8_0 and Q4_0: both exports of a model
 * hold the same numbers. As there, the output matrix gets 8 bits unless `pure` forbids it, and rows that do not divide
 * into blocks stay in float.
 */
export const linearIn =
  (graph: Graph, { float, blocks }: OnnxPrecision, pure: boolean): LowerLinear =>
  (module, path, input, { isOutput } = { isOutput: false }) => {
    const weights = floatWeights(path, module)
    const weight = weights.get('weight')!
    const [, inFeatures = 0] = weight.shape
    const chosen = blocks === 'Q4_0' && isOutput && !pure ? 'Q8_0' : blocks
    const inBlocks = chosen !== undefined && inFeatures % GGUF_BLOCK === 0
    if (!inBlocks && float === 'float32') {
      return lower(module, path, input, { graph, compute: 'exact', memory: 'auto' })
    }
    const product = inBlocks
      ? matMulNBits(graph, weight, { blocks: chosen, float }, input)
      : floatProduct(graph, weight, 'float16', input)
    const bias = weights.get('bias')
    return bias === undefined ? product : graph.node('Add', [product, floatConstant(graph, bias, float)])
  }

/** A linear layer in float32, in a graph whose floats are `float`. */
export function wideLinear(
  graph: Graph,
  float: OnnxFloat,
  [module, path]: readonly [module: Module, path: string],
  input: GraphValue,
): GraphValue {
  if (float === 'float32') return lower(module, path, input, { graph, compute: 'exact', memory: 'auto' })
  const weights = floatWeights(path, module)
  const x = convert(graph, input, float, 'float32')
  const product = floatProduct(graph, weights.get('weight')!, 'float32', x)
  const bias = weights.get('bias')
  return bias === undefined ? product : graph.node('Add', [product, floatConstant(graph, bias, 'float32')])
}

/**
 * x·Wᵀ in graphs of float16, which are mostly asked for to run on a graphics card: ONNX Runtime's WebGPU backend has no kernel
 * for the fused product of the float32 graph. The runtime transposes the weight once, when it loads the model.
 */
function floatProduct(graph: Graph, weight: FloatWeight, float: OnnxFloat, input: GraphValue): GraphValue {
  const stored = floatConstant(graph, weight, float) // [outFeatures, inFeatures]
  const turned = graph.node('Transpose', [stored], { attributes: { perm: { ints: [1, 0] } } })
  return graph.node('MatMul', [input, turned])
}

interface BlockEncoding {
  readonly blocks: GgufBlockType
  /** Dtype of scales and of what is multiplied. */
  readonly float: OnnxFloat
}

function matMulNBits(
  graph: Graph,
  weight: FloatWeight,
  encoding: BlockEncoding,
  input: GraphValue,
): GraphValue {
  const [outFeatures, inFeatures] = weight.shape as [number, number]
  const bits = encoding.blocks === 'Q8_0' ? 8 : 4
  return blockProduct(
    graph,
    input,
    { outFeatures, inFeatures },
    {
      ...{ name: weight.name, bits, blockSize: GGUF_BLOCK, dtype: encoding.float },
      codes: { chunks: () => parts(weight, encoding, 'codes') },
      scales: { chunks: () => parts(weight, encoding, 'scales') },
    },
  )
}

/** Codes or scales of a weight. Each pass quantizes anew: keeping one while the other is written would take memory. */
async function* parts(
  weight: FloatWeight,
  { blocks: type, float }: BlockEncoding,
  wanted: 'codes' | 'scales',
): AsyncGenerator<Uint8Array> {
  const columns = elementCount(weight.shape.slice(1))
  const bytes = rowBytes(weight)
  for await (const values of inGroups(weight.chunks(), bytes)) {
    const shape = { type, rows: values.byteLength / bytes, columns }
    const count = (shape.rows * columns) / GGUF_BLOCK
    const blocks = new Uint8Array(count * GGUF_BLOCK_BYTES[type])
    const { nonFinite } = runKernel('ggufBlocks', { ...shape, dtype: weight.dtype }, [values], [blocks])
    if (nonFinite > 0) throw notFinite(weight)
    const part = new Uint8Array(wanted === 'codes' ? count * (GGUF_BLOCK_BYTES[type] - 2) : count * 4)
    runKernel('ggufCodes', { ...shape, part: wanted }, [blocks], [part])
    // Scales are halves to begin with: none is rounded.
    yield wanted === 'codes' ? part : castFloats(part, 'float32', float)
  }
}
