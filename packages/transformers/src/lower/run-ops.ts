import {
  findModule,
  type GraphValue,
  Linear,
  locateParameter,
  type Module,
  type Parameter,
  parameterChunks,
  QuantizedModule,
  type Shell,
} from '@hfquant/core/runtime'
import {
  arithmetic,
  type LayerOps,
  type ModelFacts,
  type Norm,
  type Numbers,
  type Ops,
} from '@hfquant/models'
import {
  type CacheDtype,
  cast,
  DECODER,
  floatConstant,
  floatMatrix,
  type LoweringContext,
  lower,
  lowerInEightBits,
  lowerOfConstant,
  type RowLayout,
  type TokenRows,
  tokenRows,
} from '@hfquant/onnx'
import { createAttention } from './run-attention.js'
import { splitByExpert } from './split-by-expert.js'

/** What a model is run with: float32, quantized products where a format has them, caches that the session owns. */
export interface RunRequest extends LoweringContext {
  readonly shell: Shell
  readonly facts: ModelFacts
  readonly cacheDtype: CacheDtype
  readonly layout: RowLayout
}

/** What a decoder is run with. */
export function runOps(request: RunRequest): Ops {
  const { graph, facts, layout, trace } = request
  const rows = tokenRows(graph, layout)
  let blocks = 0
  const layers = layerOps(request, rows, createAttention({ ...request, rows }))
  return {
    ...layers,
    // Read when it is asked for: a graph has those inputs alone that it reads.
    get positions() {
      return rows.positions()
    },
    block(path, hidden, body) {
      blocks += 1
      return layers.block(path, hidden, body)
    },
    wanted(hidden) {
      if (blocks > 0) trace?.blocksEnd(hidden)
      return rows.wanted(hidden)
    },
    logits(path, hidden, finish = (products) => products) {
      const logits = finish(applyHead(path, hidden, request))
      graph.output(DECODER.logits, logits, 'float32', [...rows.wantedShape, facts.vocabSize])
    },
  }
}

/** What the layers of any model are run with, but for their attention. */
export function layerOps(
  request: RunRequest,
  rows: TokenRows,
  attention: Pick<LayerOps, 'attend' | 'rotate'>,
): Omit<LayerOps, 'positions'> {
  const { graph, shell, layout, trace } = request
  const module = (path: string) => findModule(shell.root, path)!
  const apply = (path: string, input: GraphValue) => lower(module(path), path, input, request)
  const own = arithmetic(numbersOf(request))
  return {
    ...own,
    ...attention,
    graph,
    ids: rows.ids,
    embed: (path, indices, scale) =>
      scale === undefined ? apply(path, indices) : own.mul(apply(path, indices), scale),
    linear: apply,
    // Calibration is told of every row that a layer multiplies.
    linearOfConstant: (path, input) =>
      trace === undefined ? lowerOfConstant(module(path), path, input, request) : apply(path, input),
    wide: { linear: apply, parameter: own.parameter, narrow: (value) => value },
    matrix: (path) => graph.constant(floatMatrix(module(path), path)),
    expandsLatents: trace !== undefined,
    experts: (call) => splitByExpert(graph, call, { inPairs: layout !== 'sequences' }),
    block(path, hidden, body) {
      trace?.blockBegins(path, hidden)
      return body(hidden, (middle) => {
        trace?.blockContinues(middle)
        return middle
      })
    },
    besideHidden(value) {
      trace?.sideValue(value)
      return value
    },
  }
}

function numbersOf({ graph, shell }: RunRequest): Numbers {
  const parameterOf = (name: string) => {
    const { module, key } = locateParameter(shell, name)
    return module.parameters.get(key)!
  }
  return {
    graph,
    number: (value, shape = []) =>
      graph.literal('float32', shape, new Array(shape.reduce((count, size) => count * size, 1)).fill(value)),
    parameter(name, shape, offset) {
      if (offset === 0) return graph.constant(floatConstant(name, parameterOf(name)))
      return graph.constant({
        ...{ name: `${name}.float32.plus_${offset}`, dtype: 'float32', shape },
        chunks: () => raised(parameterOf(name), offset),
      })
    },
    toFloats: (integers) => cast(graph, integers, 'float32'),
    normAt: (path) => findModule(shell.root, path) as Norm,
  }
}

/** A parameter in float32, each number plus `offset`, rounded once. */
async function* raised(parameter: Parameter, offset: number): AsyncGenerator<Uint8Array> {
  for await (const bytes of parameterChunks(parameter, 'float32')) {
    const values = new Float32Array(bytes.slice().buffer)
    yield new Uint8Array(values.map((value) => value + offset).buffer)
  }
}

/**
 * Products with the output matrix [B, R, vocabulary] of hidden states [B, R, D].
 *
 * Methods leave the head in float. In float32 it would be the largest thing that is read for every token: with 32000
 * tokens it is half as large as all layers of a 4-bit model of a billion parameters. In `fast`, the head of a
 * quantized model is therefore multiplied in 8 bits, which loses far less than the layers have lost; the checkpoint
 * keeps it as it is. The head of a float model stays in float.
 */
export function applyHead(path: string, hidden: GraphValue, request: RunRequest): GraphValue {
  const { shell, compute } = request
  const head = findModule(shell.root, path)!
  const fast =
    compute === 'fast' && head instanceof Linear && isQuantized(shell.root)
      ? lowerInEightBits(head, path, hidden, request)
      : undefined
  return fast ?? lower(head, path, hidden, request)
}

const isQuantized = (module: Module): boolean =>
  module instanceof QuantizedModule || [...module.children.values()].some(isQuantized)
