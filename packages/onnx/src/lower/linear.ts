import {
  CapabilityError,
  type ConstantTensor,
  type Conv1D,
  convert,
  dequantizedChunks,
  type Embedding,
  type GraphValue,
  Linear,
  type LoweringInput,
  type Module,
  type Parameter,
  parameterChunks,
  parameterSource,
  QuantizedModule,
  readParameter,
} from '@hfquant/core/runtime'
import type { Lowering, LoweringContext } from './lowering.js'
import { castPieces } from './parameter-pieces.js'

export const lowerLinear: Lowering<Linear> = (module, path, input, context) =>
  addBias(
    matmulTransposed(input, floatConstant(`${path}.weight`, module.weight), context),
    module,
    path,
    context,
  )

export const lowerConv1D: Lowering<Conv1D> = (module, path, input, context) => {
  const weight = context.graph.constant(floatConstant(`${path}.weight`, module.weight))
  return addBias(context.graph.node('MatMul', [input, weight]), module, path, context)
}

/** The table keeps its dtype; only the rows that are looked up become float32. */
export const lowerEmbedding: Lowering<Embedding> = (module, path, input, { graph }) => {
  const { dtype, shape } = module.weight
  const table = graph.constant({
    name: `${path}.weight`,
    dtype,
    shape,
    chunks: () => parameterChunks(module.weight, dtype),
    pieces: () => castPieces(module.weight, dtype),
  })
  const rows = graph.node('Gather', [table, input])
  return convert(graph, rows, dtype, 'float32')
}

export const lowerQuantized: Lowering<QuantizedModule> = (module, path, input, context) => {
  const { info: weight, format } = module
  const { graph, compute, memory } = context
  const layer: LoweringInput = {
    weight,
    input,
    memory,
    read: (key) => readParameter(module.component(key)),
    source(key) {
      const parameter = module.component(key)
      const { dtype, ranges } = parameterSource(parameter)
      return ranges.length === 1 && dtype === parameter.dtype ? ranges[0] : undefined
    },
    component(key) {
      const parameter = module.component(key)
      const { dtype, shape } = parameter
      return graph.constant({
        name: `${path}.${key}`,
        dtype,
        shape,
        chunks: () => parameterChunks(parameter, dtype),
      })
    },
  }
  if (weight.kind === 'embedding') {
    const rows = compute === 'exact' ? undefined : format.lowerEmbedding?.(graph, layer)
    return rows ?? graph.node('Gather', [graph.constant(dequantized(module, path)), input])
  }
  const fast = compute === 'exact' ? undefined : format.lower?.(graph, layer)
  const product = fast ?? matmulTransposed(input, dequantized(module, path), context)
  return addBias(product, module, path, context)
}

/** x·Wᵀ with W as it is stored, [outFeatures, inFeatures]. */
const matmulTransposed = (
  input: GraphValue,
  weight: ConstantTensor,
  { graph }: LoweringContext,
): GraphValue =>
  graph.node('FusedMatMul', [input, graph.constant(weight)], {
    domain: 'com.microsoft',
    attributes: { transB: { int: 1 } },
  })

/**
 * Products of a linear layer with what no input reaches. The runtime computes them when it optimizes the graph, and the
 * model that it writes holds the result: it does so for operators of ONNX, and for none of its own.
 *
 * @throws CapabilityError NO_LOWERING for a module that has no matrix.
 */
export function lowerOfConstant(
  module: Module,
  path: string,
  input: GraphValue,
  context: LoweringContext,
): GraphValue {
  const { graph } = context
  const matrix = graph.constant(floatMatrix(module, path))
  const turned = graph.node('Transpose', [matrix], { attributes: { perm: { ints: [1, 0] } } })
  const { bias } = module as Linear | QuantizedModule
  return addBias(graph.node('MatMul', [input, turned]), { bias }, path, context)
}

const dequantized = (module: QuantizedModule, path: string): ConstantTensor => ({
  name: `${path}.weight.float32`,
  dtype: 'float32',
  shape: [module.info.outFeatures, module.info.inFeatures],
  chunks: () => dequantizedChunks(module),
})

/**
 * The matrix of a linear layer in float32, [outFeatures, inFeatures].
 *
 * @throws CapabilityError NO_LOWERING for a module that has none.
 */
export function floatMatrix(module: Module, path: string): ConstantTensor {
  if (module instanceof QuantizedModule) return dequantized(module, path)
  if (module instanceof Linear) return floatConstant(`${path}.weight`, module.weight)
  throw new CapabilityError('NO_LOWERING', `${path} (${module.constructor.name}) has no matrix`, {
    module: path,
    hint: 'This is a fault of the definition of the architecture.',
  })
}

/** A float parameter as float32, in which everything is computed. */
export const floatConstant = (name: string, parameter: Parameter): ConstantTensor => ({
  name: `${name}.float32`,
  dtype: 'float32',
  shape: parameter.shape,
  chunks: () => parameterChunks(parameter, 'float32'),
  pieces: () => castPieces(parameter, 'float32'),
})

/** The bias of a module, where it has one, added in float32. */
export function addBias(
  product: GraphValue,
  module: { readonly bias: Parameter | undefined },
  path: string,
  { graph }: LoweringContext,
): GraphValue {
  if (module.bias === undefined) return product
  return graph.node('Add', [product, graph.constant(floatConstant(`${path}.bias`, module.bias))])
}
