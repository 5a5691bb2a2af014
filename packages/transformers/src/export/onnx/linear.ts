import { elementCount, type GraphValue, type Module } from '@hfquant/core'
import { GGUF_BLOCK, GGUF_BLOCK_BYTES, type GgufBlockType, runKernel } from '@hfquant/kernels'
import { type Graph, lower } from '@hfquant/onnx'
import { type FloatWeight, floatWeights, inGroups, notFinite, rowBytes } from '../float-weight.js'
import type { OnnxType } from './export-onnx.js'

/** Adds the nodes of a linear layer: y = x·Wᵀ + b. */
export type LowerLinear = (
  module: Module,
  path: string,
  input: GraphValue,
  options?: { readonly isOutput: boolean },
) => GraphValue

/** Computes with activations rounded to int8 for each block: the level at which the runtime is fast. */
const INT8_ACTIVATIONS = 4

/**
 * Linear layers in float32, or in blocks of 32 with the codes and scales of GGUF's Q8_0 and Q4_0: both exports of a
 * model hold the same numbers. As there, the output matrix gets 8 bits unless `pure` forbids it, and rows that do not
 * divide into blocks stay in float.
 */
export const linearIn =
  (graph: Graph, type: OnnxType, pure: boolean): LowerLinear =>
  (module, path, input, { isOutput } = { isOutput: false }) => {
    const weights = floatWeights(path, module)
    const weight = weights.get('weight')!
    const [, inFeatures = 0] = weight.shape
    if (type === 'fp32' || inFeatures % GGUF_BLOCK !== 0) {
      return lower(module, path, input, { graph, compute: 'exact', memory: 'auto' })
    }
    const blocks = type === 'q8' || (isOutput && !pure) ? 'Q8_0' : 'Q4_0'
    const product = matMulNBits(graph, weight, blocks, input)
    const bias = weights.get('bias')
    return bias === undefined ? product : graph.node('Add', [product, float32Constant(graph, bias)])
  }

function matMulNBits(graph: Graph, weight: FloatWeight, type: GgufBlockType, input: GraphValue): GraphValue {
  const [outFeatures, inFeatures] = weight.shape as [number, number]
  const bits = type === 'Q8_0' ? 8 : 4
  const blocks = inFeatures / GGUF_BLOCK
  const codes = graph.constant({
    name: `${weight.name}.codes`,
    dtype: 'uint8',
    shape: [outFeatures, blocks, (GGUF_BLOCK * bits) / 8],
    chunks: () => parts(weight, type, 'codes'),
  })
  const scales = graph.constant({
    name: `${weight.name}.scales`,
    dtype: 'float32',
    shape: [outFeatures, blocks],
    chunks: () => parts(weight, type, 'scales'),
  })
  return graph.node('MatMulNBits', [input, codes, scales], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: inFeatures },
      N: { int: outFeatures },
      bits: { int: bits },
      block_size: { int: GGUF_BLOCK },
      accuracy_level: { int: INT8_ACTIVATIONS },
    },
  })
}

/** Codes or scales of a weight. Each pass quantizes anew: keeping one while the other is written would take memory. */
async function* parts(
  weight: FloatWeight,
  type: GgufBlockType,
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
    const codes = new Uint8Array(count * (GGUF_BLOCK_BYTES[type] - 2))
    const scales = new Uint8Array(count * 4)
    runKernel('ggufCodes', shape, [blocks], [codes, scales])
    yield wanted === 'codes' ? codes : scales
  }
}

const float32Constant = (graph: Graph, weight: FloatWeight): GraphValue =>
  graph.constant({
    name: `${weight.name}.float32`,
    dtype: 'float32',
    shape: weight.shape,
    chunks: () => float32Chunks(weight),
  })

async function* float32Chunks(weight: FloatWeight): AsyncGenerator<Uint8Array> {
  for await (const values of inGroups(weight.chunks(), rowBytes(weight))) {
    const count = values.byteLength / rowBytes(weight)
    const out = new Uint8Array(count * 4)
    runKernel('cast', { from: weight.dtype, to: 'float32' }, [values], [out])
    yield out
  }
}
