import {
  type Calibration,
  type CalibrationStage,
  ConfigError,
  type ConstantTensor,
  cacheFolder,
  checkpointSource,
  type DeferredWeight,
  type GraphValue,
  type HiddenStates,
  type LinearGroup,
  type OutputPass,
  rowChunks,
  type Shell,
  type StatisticsRequest,
  tensorBytes,
} from '@hfquant/core/runtime'
import type { ModelDescription } from '@hfquant/models'
import { createGraphThreads, DECODER, type Graph, type GraphSession } from '@hfquant/onnx'
import { lowerOnce } from '../lower/lower-model.js'
import type { Tokenizer } from '../tokenizer/index.js'
import {
  HIDDEN_SHAPE,
  hiddenTensor,
  int64,
  openPart,
  type SideInputs,
  sideInputsOf,
} from './block-session.js'
import { levelsBetween, type ValueGroup } from './levels.js'
import { refuseSideInputs } from './refuse-blocks.js'
import { createSideStore } from './side-store.js'
import { createSideValues, type SideValues } from './side-values.js'
import { openStatisticsPass } from './statistics-pass.js'
import { createTrace, type TracedBlock } from './trace-blocks.js'

export interface CalibrationOptions {
  readonly threads: number | undefined
  readonly tokenizer: () => Promise<Tokenizer | undefined>
  readonly endToken: number | undefined
}

/** Beside the passes of a larger model the start of a thread, a tenth of a second, is nothing; its memory is not. */
const REUSE_LIMIT = 64 * 2 ** 20

/**
 * Makes a model runnable block by block, by cutting its own graph where its architecture says that blocks begin. Weights
 * that are not quantized yet are read from the checkpoint, all others from where the model has them.
 *
 * @returns undefined when the architecture does not say where its blocks begin.
 * @throws CapabilityError CALIBRATION_SIDE_INPUTS for a block that is computed from more than the hidden states before it.
 */
export function createCalibration(
  { model: description, shell }: { readonly model: ModelDescription; readonly shell: Shell },
  deferred: readonly DeferredWeight[],
  { threads, tokenizer, endToken }: CalibrationOptions,
): Calibration | undefined {
  const { trace, model } = createTrace()
  // Calibration caches nothing, and its result is the same whatever cache the model has later.
  const exact = {
    model: description,
    shell,
    compute: 'exact',
    memory: 'auto',
    cacheDtype: 'float32',
  } as const
  const graph = lowerOnce(exact, { trace })
  const whole = model()
  const { blocks: traced, end, modules } = whole
  if (traced.length === 0 || end === undefined) return undefined
  const sideStore = createSideStore(cacheFolder())
  const sides = createSideValues(graph, whole, sideStore)
  refuseSideInputs(graph, traced, sides, description.name)

  const weights = new Map(deferred.map((weight) => [weight.module.info.path, weight]))
  const floats = new Map(
    [...weights].map(([path, weight]) => [`${path}.weight.float32`, floatWeight(weight)]),
  )
  const source = (constant: ConstantTensor) => floats.get(constant.name) ?? constant
  const weightBytes = graph.constants.reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0)
  const graphThreads = createGraphThreads({ threads, reuse: weightBytes <= REUSE_LIMIT })
  const opened = (part: Graph): Promise<GraphSession> => openPart(part, source, graphThreads)
  const sideInputs = sideInputsOf(description.facts)

  let loadedTokenizer: Promise<Tokenizer | undefined> | undefined
  const widthOf = (path: string) => weights.get(path)?.module.info.inFeatures
  const stage = (from: GraphValue, to: GraphValue, isLast: boolean): CalibrationStage => {
    const levels = levelsBetween({ graph, from, to, before: sides.before(from), modules, widthOf })
    const openStatistics = (groups: readonly LinearGroup[], statistics: StatisticsRequest) =>
      openStatisticsPass({
        ...{ graph, from, groups: groups as readonly ValueGroup[], statistics },
        ...{ sides, sideInputs, open: opened },
      })
    if (isLast) return { levels, openStatistics }
    return {
      levels,
      openStatistics,
      openOutput: () => openOutputPass({ graph, from, to, sides, sideInputs, open: opened }),
    }
  }
  // A head that is quantized comes last: nothing reads what it makes of the hidden states.
  const inBlocks = traced.flatMap(({ paths }) => paths)
  const behind = modules.filter(
    ({ path }) => weights.has(path) && !inBlocks.some((block) => path.startsWith(`${block}.`)),
  )
  const blocks: readonly TracedBlock[] = [
    ...traced,
    ...behind.map(({ path, output }) => ({ paths: [path], cuts: [end, output] })),
  ]
  let embedding: Promise<{ readonly session: GraphSession; readonly part: Graph }> | undefined
  let embedded = 0
  const first = traced[0]!.cuts[0]!
  const forBlocks = sides.made(undefined, first)
  const openEmbedding = async () => {
    const part = graph.cut('embedding', [], [first, ...forBlocks.values])
    part.output('hidden', first, 'float32', HIDDEN_SHAPE)
    forBlocks.addOutputs(part)
    return { part, session: await opened(part) }
  }

  return {
    blocks: blocks.map((block, index) => ({
      paths: block.paths,
      rescalings: description.rescalings.filter(({ before }) =>
        block.paths.some((path) => before.path.startsWith(`${path}.`)),
      ),
      open({ cut }) {
        const cuts = cut ? block.cuts : [block.cuts[0]!, block.cuts.at(-1)!]
        return cuts.slice(1).map((to, part) => stage(cuts[part]!, to, index >= traced.length))
      },
    })),
    vocabSize: description.facts.vocabSize,
    maxPositions: description.facts.maxPositions,
    endToken,
    async tokenize(text) {
      loadedTokenizer ??= tokenizer()
      const known = await loadedTokenizer
      if (known !== undefined) return known.encodeAsync(text)
      throw new ConfigError(
        'TOKENIZER_MISSING',
        'the model folder has no tokenizer.json, so calibration texts cannot be read',
        {
          field: 'dataset',
          hint: 'Calibrate with lists of token ids, or add the tokenizer files to the folder.',
        },
      )
    },
    async closeEmbedding() {
      const opened = await embedding
      embedding = undefined
      await opened?.session.close()
    },
    async embed(ids, sequences) {
      embedding ??= openEmbedding()
      const { session, part } = await embedding
      const tokens = ids.length / sequences
      const feeds = {
        ...sideInputs(part, { sequences, tokens }),
        [DECODER.inputIds]: int64(ids, [sequences, tokens]),
      }
      const result = await session.run(feeds, ['hidden', ...forBlocks.outputs])
      const batch = embedded++
      await forBlocks.keep(result, batch)
      return hiddenStates(result, batch)
    },
    settle: (path) => void floats.delete(`${path}.weight.float32`),
    async close() {
      sideStore.close()
      await graphThreads.close()
    },
  }
}

interface OutputRequest {
  readonly graph: Graph
  readonly from: GraphValue
  readonly to: GraphValue
  readonly sides: SideValues
  readonly sideInputs: SideInputs
  readonly open: (part: Graph) => Promise<GraphSession>
}

async function openOutputPass(request: OutputRequest): Promise<OutputPass> {
  const { graph, from, to, sides, sideInputs, open } = request
  const made = sides.made(from, to)
  const read = sides.read(from, [to, ...made.values])
  const begin = [{ value: from, dtype: 'float32', shape: HIDDEN_SHAPE } as const, ...read.cuts]
  const part = graph.cut('block', begin, [to, ...made.values])
  part.output('hidden', to, 'float32', HIDDEN_SHAPE)
  made.addOutputs(part)
  const session = await open(part)
  return {
    async run(hidden) {
      const [sequences, tokens] = hidden.shape
      const feeds = {
        ...sideInputs(part, { sequences, tokens }),
        ...(await read.feeds(hidden.batch)),
        [from.id]: hiddenTensor(hidden),
      }
      const result = await session.run(feeds, ['hidden', ...made.outputs])
      await made.keep(result, hidden.batch)
      return hiddenStates(result, hidden.batch)
    },
    close: () => session.close(),
  }
}

function hiddenStates(result: Awaited<ReturnType<GraphSession['run']>>, batch: number): HiddenStates {
  const { data, shape } = result.hidden!
  const [sequences, tokens, width] = shape as [number, number, number]
  return { data: data as Float32Array, shape: [sequences, tokens, width], batch }
}

/** The weight as it was before quantization: in the dtype that quantization starts from, widened to float32. */
function floatWeight({ module, source }: DeferredWeight): ConstantTensor {
  const { path, outFeatures, inFeatures, dtype } = module.info
  const { slot } = module.replaced
  return {
    name: `${path}.weight.float32`,
    dtype: 'float32',
    shape: [outFeatures, inFeatures],
    chunks: () => rowChunks({ source: checkpointSource(source), slot, dtype }, 'float32'),
  }
}
