import { findModule, type GraphValue, joinPath, locateParameter, type Shell } from '@hfquant/core/runtime'
import {
  arithmetic,
  type LayerOps,
  type ModelFacts,
  type Norm,
  type Numbers,
  type Ops,
  type WideOps,
} from '@hfquant/models'
import { cast, convert, type Graph } from '@hfquant/onnx'
import { splitByExpert } from '../../lower/split-by-expert.js'
import { type FloatWeight, floatWeights } from '../float-weight.js'
import { createAttention } from './export-attention.js'
import { floatConstant } from './float-constant.js'
import { type LowerLinear, wideLinear } from './linear.js'
import { lookUp } from './look-up.js'
import type { OnnxFloat } from './onnx-type.js'
import { BATCH, PORTS, SEQUENCE, tokenInput } from './ports.js'
import { tokenTables } from './token-tables.js'

export interface ExportRequest {
  readonly graph: Graph
  /** Where the rows of tokens are looked up in a graph of their own. */
  readonly tables?: Graph | undefined
  readonly shell: Shell
  readonly facts: ModelFacts
  /** Of everything between token ids and outputs; those are float32 always. */
  readonly float: OnnxFloat
  readonly linear: LowerLinear
}

/** Computes a decoder behind the inputs and outputs that `@huggingface/transformers` expects, in its floats. */
export function exportOps(request: ExportRequest): Ops {
  const { graph, tables, facts, float } = request
  const ids = tokenInput(tables ?? graph, PORTS.inputIds, SEQUENCE)
  const positions = tokenInput(graph, PORTS.positionIds, SEQUENCE)
  return {
    ...exportLayerOps(request, ids),
    ...createAttention({ ...request, positions }),
    ...(tables && { embed: tokenTables(request, tables) }),
    positions,
    wanted: (hidden) => lastRows(graph, hidden),
    logits(path, hidden, finish = (products) => products) {
      const logits = finish(outputProducts(request, path, hidden))
      graph.output(PORTS.logits, convert(graph, logits, float, 'float32'), 'float32', [
        BATCH,
        'logits_length',
        facts.vocabSize,
      ])
    },
  }
}

/** What the layers of any model are exported with, but for their attention. */
export function exportLayerOps(
  request: ExportRequest,
  ids: GraphValue,
): Omit<LayerOps, 'positions' | 'attend' | 'rotate'> {
  const { graph, shell, float, linear } = request
  const module = (path: string) => findModule(shell.root, path)!
  return {
    ...arithmetic(numbersOf(request)),
    ...{ graph, ids },
    embed: (path, indices, scale) => lookUp(request, path, indices, scale),
    linear: (path, x) => linear(module(path), path, x),
    linearOfConstant: (path, x) => linear(module(path), path, x),
    wide: wideOps(request),
    matrix: (path) => floatConstant(graph, floatWeights(path, module(path)).get('weight')!, float),
    expandsLatents: false,
    experts: (call) => splitByExpert(graph, call, { inPairs: false }),
    block: (_path, hidden, body) => body(hidden, (middle) => middle),
    besideHidden: (value) => value,
  }
}

/** In float32 whatever the precision: neither floats are narrowed there nor weights rounded to blocks. */
const wideOps = ({ graph, shell, float }: ExportRequest): WideOps => ({
  linear: (path, x) => wideLinear(graph, float, [findModule(shell.root, path)!, path], x),
  parameter(name) {
    const { path, module, key } = locateParameter(shell, name)
    return floatConstant(graph, floatWeights(path, module).get(key)!, 'float32')
  },
  narrow: (value) => convert(graph, value, 'float32', float),
})

/** Products with the matrix of the vocabulary at `path`. */
export const outputProducts = (
  { shell, linear }: ExportRequest,
  path: string,
  hidden: GraphValue,
): GraphValue => linear(findModule(shell.root, path)!, headName(shell), hidden, { isOutput: true })

function numbersOf({ graph, shell, float }: ExportRequest): Numbers {
  const weightOf = (name: string): FloatWeight => {
    const { path, module, key } = locateParameter(shell, name)
    return floatWeights(path, module).get(key)!
  }
  const narrow = (value: GraphValue) => convert(graph, value, 'float32', float)
  return {
    graph,
    number(value, shape = []) {
      const count = shape.reduce((product, size) => product * size, 1)
      return narrow(graph.literal('float32', shape, new Array(count).fill(value)))
    },
    parameter(name, _shape, offset) {
      const stored = floatConstant(graph, weightOf(name), float)
      return offset === 0
        ? stored
        : graph.node('Add', [stored, narrow(graph.literal('float32', [], [offset]))])
    },
    toFloats: (integers) => cast(graph, integers, float),
    normAt: (path) => findModule(shell.root, path) as Norm,
  }
}

/** What the output matrix goes by: a tied one by the name of the table, so that one constant can serve as both. */
const headName = ({ ties, inputEmbedding, outputEmbedding }: Shell): string =>
  ties.some(({ alias }) => alias === joinPath(outputEmbedding, 'weight')) ? inputEmbedding : outputEmbedding

/**
 * The last rows of hidden states [B, S, D], as many as `num_logits_to_keep` says, all for 0: while generating only one
 * row has to pass through the head, which is the largest product of all.
 */
function lastRows(graph: Graph, hidden: GraphValue): GraphValue {
  const first = graph.literal('int64', [1], [0])
  const count = graph.node('Unsqueeze', [graph.input(PORTS.logitsToKeep, 'int64', []), first])
  // From -n on; for n = 0 that is -0, the beginning.
  const start = graph.node('Neg', [count])
  const end = graph.literal('int64', [1], [Number.MAX_SAFE_INTEGER])
  return graph.node('Slice', [hidden, start, end, graph.literal('int64', [1], [1])])
}
