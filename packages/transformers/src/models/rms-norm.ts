import { type FloatDtype, type GraphValue, Module } from '@hfquant/core'
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

/** The runtime calls RMSNorm a simplified layer normalization. */
export function lowerRmsNorm(
  norm: RMSNorm,
  path: string,
  input: GraphValue,
  { graph }: LoweringContext,
): GraphValue {
  const weight = graph.constant(floatConstant(`${path}.weight`, norm.parameters.get('weight')!))
  return graph.node('SimplifiedLayerNormalization', [input, weight], {
    attributes: { axis: { int: -1 }, epsilon: { float: norm.epsilon }, stash_type: { int: 1 } },
  })
}
