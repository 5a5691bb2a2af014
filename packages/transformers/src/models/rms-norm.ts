import { type FloatDtype, type GraphBuilder, type GraphValue, Module } from '@hfquant/core'
import { floatConstant, type LoweringContext } from '@hfquant/onnx'

/** y = x / sqrt(mean(x²) + epsilon) · weight, over the last axis. `weight` [size]. */
export class RMSNorm extends Module {
  constructor(
    size: number,
    readonly epsilon: number,
    dtype: FloatDtype,
  ) {
    super()
    this.parameter('weight', dtype, [size])
  }
}

/** The norm of a module, in float32. */
export function lowerRmsNorm(
  norm: RMSNorm,
  path: string,
  input: GraphValue,
  { graph }: LoweringContext,
): GraphValue {
  const weight = graph.constant(floatConstant(`${path}.weight`, norm.parameters.get('weight')!))
  return rmsNorm(graph, input, weight, norm.epsilon)
}

/**
 * The runtime calls RMSNorm a simplified layer normalization. `input` and `weight` have one dtype; their squares are
 * summed in float32 whichever it is.
 */
export const rmsNorm = (
  graph: GraphBuilder,
  input: GraphValue,
  weight: GraphValue,
  epsilon: number,
): GraphValue =>
  graph.node('SimplifiedLayerNormalization', [input, weight], {
    attributes: { axis: { int: -1 }, epsilon: { float: epsilon }, stash_type: { int: 1 } },
  })
