import { type GraphBuilder, type GraphValue, type IntegerActivations, UNSIGNED_ZERO } from '@hfquant/core'
import type { Int8Activations } from '../tensors/int8-activations.js'

/** 2^-23, the least scale of an Int8Tensor: keeps a token of zeros from dividing by 0. */
const SMALLEST_SCALE = 2 ** -23

/**
 * Rounds activations to int8 as torchao's Int8Tensor does, with ordinary operators. Every value is the one that torchao
 * computes in float32: the scale of a range that includes 0, its reciprocal, the product, and the rounding half to even.
 *
 * Layers that share an input share these nodes.
 */
export function quantizeActivations(
  graph: GraphBuilder,
  input: GraphValue,
  { granularity, mapping, reduceRange }: Int8Activations,
): IntegerActivations {
  const number = (value: number) => graph.literal('float32', [], [value])
  const [low, high] = reduceRange ? [-64, 63] : [-128, 127]
  const axes = granularity === 'PerRow' ? [graph.literal('int64', [1], [-1])] : []
  const reduce = (operator: string, value: GraphValue) => graph.node(operator, [value, ...axes])
  const clip = (value: GraphValue, from: number, to: number) =>
    graph.node('Clip', [value, number(from), number(to)])

  const symmetric = mapping === 'SYMMETRIC'
  const lowest = symmetric ? undefined : graph.node('Min', [reduce('ReduceMin', input), number(0)])
  const range =
    lowest === undefined
      ? reduce('ReduceMax', graph.node('Abs', [input]))
      : graph.node('Sub', [graph.node('Max', [reduce('ReduceMax', input), number(0)]), lowest])
  const stepCount = symmetric ? (high - low) / 2 : high - low
  const scale = graph.node('Max', [graph.node('Div', [range, number(stepCount)]), number(SMALLEST_SCALE)])
  const zeroPoint =
    lowest === undefined
      ? undefined
      : clip(
          graph.node('Sub', [number(low), graph.node('Round', [graph.node('Div', [lowest, scale])])]),
          low,
          high,
        )
  const inverse = graph.node('Div', [number(1), scale])
  const steps = graph.node('Mul', [input, inverse])
  const shifted =
    zeroPoint === undefined ? steps : graph.node('Add', [graph.node('Round', [steps]), zeroPoint])
  // With scale 1 the operator rounds half to even, adds the zero point and saturates: one pass instead of four.
  const codes = graph.node('QuantizeLinear', [
    reduceRange ? clip(shifted, low, high) : shifted,
    number(1),
    graph.literal('uint8', [], [UNSIGNED_ZERO]),
  ])
  return { codes, scale, zeroPoint }
}
