import {
  type GraphBuilder,
  type GraphValue,
  type IntegerActivations,
  type LoweringInput,
  UNSIGNED_ZERO,
} from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { INPUT_SCALE, INPUT_ZERO_POINT, type Int8Activations } from '../format/layout.js'

/** Codes of int8, and the width of their range: twice 127.5 for a scale of both signs. */
const [LOW, HIGH, WIDTH] = [-128, 127, 255]

/** What the library takes in place of a scale of 0: a token of zeros is not divided by 0. */
const EPSILON = 2 ** -23

/**
 * Rounds the inputs of a layer to int8 as the library does: x / s, which another product with 1 / s would round otherwise,
 * half to even, within -128 and 127. Layers that share an input share these nodes, unless their scales are stored.
 */
export function quantizeActivations(
  graph: GraphBuilder,
  layer: LoweringInput,
  activations: Int8Activations,
): IntegerActivations {
  const { scale, zeroPoint } = activations.dynamic
    ? tokenScale(graph, layer.input, activations)
    : storedScale(graph, layer, activations)
  const quotient = graph.node('Div', [layer.input, scale])
  const shifted = zeroPoint === undefined ? quotient : graph.node('Add', [quotient, zeroPoint])
  // With scale 1 the operator rounds half to even, moves up and saturates: one pass instead of four.
  const codes = graph.node('QuantizeLinear', [
    shifted,
    graph.literal('float32', [], [1]),
    graph.literal('uint8', [], [UNSIGNED_ZERO]),
  ])
  return { codes, scale, zeroPoint }
}

type ScaleAndZero = Pick<IntegerActivations, 'scale' | 'zeroPoint'>

/** The scale of each token, [..., 1], with 0 in its range: max|x| / 127.5, or (max − min) / 255. */
function tokenScale(
  graph: GraphBuilder,
  input: GraphValue,
  { symmetric }: Pick<Int8Activations, 'symmetric'>,
): ScaleAndZero {
  const number = (value: number) => graph.literal('float32', [], [value])
  const last = graph.literal('int64', [1], [-1])
  const positive = (value: GraphValue, steps: number) => {
    const scale = graph.node('Div', [value, number(steps)])
    return graph.node('Where', [graph.node('Equal', [scale, number(0)]), number(EPSILON), scale])
  }
  if (symmetric) {
    const largest = graph.node('ReduceMax', [graph.node('Abs', [input]), last])
    return { scale: positive(largest, WIDTH / 2), zeroPoint: undefined }
  }
  const low = graph.node('Min', [graph.node('ReduceMin', [input, last]), number(0)])
  const high = graph.node('Max', [graph.node('ReduceMax', [input, last]), number(0)])
  const scale = positive(graph.node('Sub', [high, low]), WIDTH)
  const exact = graph.node('Sub', [number(LOW), graph.node('Div', [low, scale])])
  const zeroPoint = graph.node('Round', [graph.node('Clip', [exact, number(LOW), number(HIGH)])])
  return { scale, zeroPoint }
}

/** The scale of a layer's inputs, as the checkpoint has it. */
function storedScale(
  graph: GraphBuilder,
  layer: LoweringInput,
  { symmetric, scaleDtype }: Int8Activations & { readonly dynamic: false },
): ScaleAndZero {
  const constant = (key: string, read: () => Promise<Float32Array>) =>
    graph.constant({
      ...{ name: `${layer.weight.path}.${key}`, dtype: 'float32', shape: [] },
      async *chunks() {
        yield new Uint8Array((await read()).buffer)
      },
    })
  const scale = constant(INPUT_SCALE, async () => widenFloats(await layer.read(INPUT_SCALE), scaleDtype))
  if (symmetric) return { scale, zeroPoint: undefined }
  const zeroPoint = constant(INPUT_ZERO_POINT, async () => {
    const [code] = await layer.read(INPUT_ZERO_POINT)
    return Float32Array.of((code! << 24) >> 24)
  })
  return { scale, zeroPoint }
}
