import type { GraphBuilder, GraphValue } from '@hfquant/core'
import type { Activation } from '../parts/activation.js'
import type { Norm } from '../parts/norm.js'
import type { Heads, Ops } from './ops.js'

/** How a graph gets its numbers: what differs between running a model and exporting it. */
export interface Numbers {
  readonly graph: GraphBuilder
  /** One number, or a tensor full of it, in the dtype of the hidden states. */
  number(value: number, shape?: readonly number[]): GraphValue
  /** A parameter by its full name, each number plus `offset`. */
  parameter(name: string, shape: readonly number[], offset: number): GraphValue
  /** Integers in the dtype of the hidden states. */
  toFloats(integers: GraphValue): GraphValue
  /** The norm at a path of the shell. */
  normAt(path: string): Norm
}

/** What is the same operators for whatever purpose a model is lowered. */
export type Arithmetic = Pick<
  Ops,
  | 'activate'
  | 'add'
  | 'clip'
  | 'fromHeads'
  | 'mul'
  | 'norm'
  | 'number'
  | 'parameter'
  | 'softCap'
  | 'split'
  | 'toFloats'
  | 'toHeads'
>

export function arithmetic(numbers: Numbers): Arithmetic {
  const { graph, number } = numbers
  const add = (a: GraphValue, b: GraphValue) => graph.node('Add', [a, b])
  const mul = (a: GraphValue, b: GraphValue | number) =>
    graph.node('Mul', [a, typeof b === 'number' ? number(b) : b])
  const reshape = (x: GraphValue, shape: readonly number[]) =>
    graph.node('Reshape', [x, graph.literal('int64', [shape.length], shape)])
  return {
    add,
    mul,
    number: (value) => number(value),
    parameter: (name, shape) => numbers.parameter(name, shape, 0),
    activate: (kind, x, path) => (kind === 'xielu' ? xielu(x, path, numbers) : activate(kind, x, graph)),
    softCap: (x, cap) => mul(graph.node('Tanh', [graph.node('Div', [x, number(cap)])]), cap),
    clip: (x, limit) => graph.node('Clip', [x, number(-limit), number(limit)]),
    split: (x, sizes) =>
      graph.nodes('Split', [x, graph.literal('int64', [sizes.length], sizes)], sizes.length, {
        attributes: { axis: { int: -1 } },
      }),
    toHeads: (x, { count, size }: Heads) => reshape(x, [0, 0, count, size]),
    fromHeads: (x, { count, size }: Heads) => reshape(x, [0, 0, count * size]),
    toFloats: (integers) =>
      graph.node('Unsqueeze', [numbers.toFloats(integers), graph.literal('int64', [1], [-1])]),
    norm: (path, x) => normalize(x, path, numbers),
  }
}

function activate(kind: Exclude<Activation, 'xielu'>, x: GraphValue, graph: GraphBuilder): GraphValue {
  switch (kind) {
    case 'silu':
      return graph.node('Mul', [x, graph.node('Sigmoid', [x])])
    case 'gelu':
      return graph.node('Gelu', [x])
    case 'gelu-tanh':
      return graph.node('Gelu', [x], { attributes: { approximate: { string: 'tanh' } } })
    case 'quick-gelu':
      return graph.node('QuickGelu', [x], {
        domain: 'com.microsoft',
        attributes: { alpha: { float: 1.702 } },
      })
    case 'relu':
      return graph.node('Relu', [x])
    case 'relu-squared': {
      const positive = graph.node('Relu', [x])
      return graph.node('Mul', [positive, positive])
    }
  }
}

/** The formula is that of `Xielu`. */
function xielu(x: GraphValue, path: string, numbers: Numbers): GraphValue {
  const { graph, number } = numbers
  const parameter = (key: string, shape: readonly number[] = []) =>
    numbers.parameter(`${path}.${key}`, shape, 0)
  const add = (a: GraphValue, b: GraphValue) => graph.node('Add', [a, b])
  const sub = (a: GraphValue, b: GraphValue) => graph.node('Sub', [a, b])
  const mul = (a: GraphValue, b: GraphValue) => graph.node('Mul', [a, b])
  const beta = parameter('beta')
  const positive = graph.node('Softplus', [parameter('alpha_p', [1])])
  const negative = add(beta, graph.node('Softplus', [parameter('alpha_n', [1])]))
  const exponential = graph.node('Exp', [graph.node('Min', [x, parameter('eps')])])
  const below = mul(sub(sub(exponential, number(1)), x), negative)
  const above = mul(mul(x, x), positive)
  const isAbove = graph.node('Greater', [x, number(0)])
  return add(graph.node('Where', [isAbove, above, below]), mul(x, beta))
}

/**
 * The norm at a path. The runtime calls an RMS norm a simplified layer normalization. It sums squares in float32 whatever
 * the dtype. Over heads of their own [.., heads, size] it still reduces the last axis, and takes a weight for each.
 */
function normalize(x: GraphValue, path: string, { graph, number, parameter, normAt }: Numbers): GraphValue {
  const { shape, options } = normAt(path)
  const {
    kind,
    epsilon,
    offset = 0,
    weight: hasWeight = true,
    bias = hasWeight && kind === 'layer',
  } = options
  const weight = hasWeight ? parameter(`${path}.weight`, shape, offset) : number(1, shape)
  return graph.node(
    kind === 'rms' ? 'SimplifiedLayerNormalization' : 'LayerNormalization',
    bias ? [x, weight, parameter(`${path}.bias`, shape, 0)] : [x, weight],
    { attributes: { axis: { int: -1 }, epsilon: { float: epsilon }, stash_type: { int: 1 } } },
  )
}
