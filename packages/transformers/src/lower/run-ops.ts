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
} from '@hfquant/core'
import { arithmetic, type ModelFacts, type Norm, type Numbers, type Ops } from '@hfquant/models'
import {
  type CacheDtype,
  cast,
  DECODER,
  floatConstant,
  floatMatrix,
  type LoweringContext,
  lower,
  lowerInEightBits,
  type RowLayout,
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

export function runOps(request: RunRequest): Ops {
  const { graph, shell, facts, layout, trace } = request
  const rows = tokenRows(graph, layout)
  const module = (path: string) => findModule(shell.root, path)!
  const apply = (path: string, input: GraphValue) => lower(module(path), path, input, request)
  const common = arithmetic(numbersOf(request))
  let blocks = 0
  return {
    ...common,
    graph,
    ids: rows.ids,
    get positions() {
      return rows.positions()
    },
    embed: apply,
    linear: apply,
    matrix: (path) => graph.constant(floatMatrix(module(path), path)),
    expandsLatents: trace !== undefined,
    ...createAttention({ ...request, rows }),
    experts: (call) => splitByExpert(graph, call, { inPairs: layout !== 'sequences' }),
    block(path, hidden, body) {
      blocks += 1
      trace?.blockBegins(path, hidden)
      return body(hidden, (middle) => {
        trace?.blockContinues(middle)
        return middle
      })
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
function applyHead(path: string, hidden: GraphValue, request: RunRequest): GraphValue {
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
