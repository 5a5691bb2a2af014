import { type GraphValue, joinPath, Module } from '@hfquant/core/runtime'
import type { EncoderOps } from '@hfquant/models'

/** Where a bidirectional LSTM lies in the model, and its sizes: torch.nn.LSTM of `size` channels in and out. */
export interface LstmShape {
  readonly path: string
  readonly layers: number
  readonly size: number
}

const DIRECTIONS = ['', '_reverse'] as const
const WEIGHTS = ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'] as const

const gatesOf = ({ size }: LstmShape): number => 2 * size
const shapeOf = (weight: (typeof WEIGHTS)[number], shape: LstmShape): readonly number[] => {
  const gates = gatesOf(shape)
  return weight === 'weight_ih'
    ? [gates, shape.size]
    : weight === 'weight_hh'
      ? [gates, shape.size / 2]
      : [gates]
}

/** Parameters under the names of torch.nn.LSTM. They stay in float: errors of a recurrence pile up. */
export function lstmModule(shape: LstmShape, dtype: Parameters<Module['parameter']>[1]): Module {
  const module = new Module()
  for (let layer = 0; layer < shape.layers; layer++)
    for (const direction of DIRECTIONS)
      for (const weight of WEIGHTS) {
        module.parameter(`${weight}_l${layer}${direction}`, dtype, shapeOf(weight, shape))
      }
  return module
}

/**
 * The layers of a bidirectional LSTM, one upon the other.
 *
 * @param x [B, L, size]
 * @param lengths int32 [B]: the way back begins at the last word of each text.
 * @returns [B, L, size]; zeros behind the end of a text.
 */
export function lstm(ops: EncoderOps, shape: LstmShape, x: GraphValue, lengths: GraphValue): GraphValue {
  let states = ops.graph.node('Transpose', [x], { attributes: { perm: { ints: [1, 0, 2] } } })
  for (let layer = 0; layer < shape.layers; layer++) states = lstmLayer(ops, shape, layer, states, lengths)
  return ops.graph.node('Transpose', [states], { attributes: { perm: { ints: [1, 0, 2] } } })
}

/** [L, B, size] to [L, B, size]. */
function lstmLayer(
  ops: EncoderOps,
  shape: LstmShape,
  layer: number,
  states: GraphValue,
  lengths: GraphValue,
): GraphValue {
  const { graph } = ops
  const axis = (value: number) => graph.literal('int64', [1], [value])
  const join = (values: readonly GraphValue[], along: number) =>
    graph.node('Concat', values, { attributes: { axis: { int: along } } })
  /** Of one direction, [1, gates, ..]. PyTorch has input, forget, cell, output; ONNX input, output, forget, cell. */
  const gates = (weight: (typeof WEIGHTS)[number], direction: (typeof DIRECTIONS)[number]) => {
    const name = joinPath(shape.path, `${weight}_l${layer}${direction}`)
    const parts = graph.nodes('Split', [ops.parameter(name, shapeOf(weight, shape))], 4, {
      attributes: { axis: { int: 0 }, num_outputs: { int: 4 } },
    })
    const ordered = [0, 3, 1, 2].map((part) => parts[part]!)
    return graph.node('Unsqueeze', [join(ordered, 0), axis(0)])
  }
  const both = (weight: (typeof WEIGHTS)[number]) =>
    join(
      DIRECTIONS.map((direction) => gates(weight, direction)),
      0,
    )
  const [outputs] = graph.nodes(
    'LSTM',
    [
      ...[states, both('weight_ih'), both('weight_hh')],
      ...[join([both('bias_ih'), both('bias_hh')], 1), lengths],
    ],
    1,
    { attributes: { hidden_size: { int: shape.size / 2 }, direction: { string: 'bidirectional' } } },
  )
  // [L, 2, B, size / 2]
  const beside = graph.node('Transpose', [outputs!], { attributes: { perm: { ints: [0, 2, 1, 3] } } })
  return graph.node('Reshape', [beside, graph.literal('int64', [3], [0, 0, shape.size])])
}
