import type { FloatDtype, Shell } from '@hfquant/core/runtime'
import { joinPath, Module } from '@hfquant/core/runtime'
import {
  type Architecture,
  defineArchitecture,
  type EncoderDescription,
  type ModelFacts,
} from '../architecture/define-architecture.js'
import type { EncoderFacts } from '../architecture/encoder-facts.js'
import type { EncoderOps } from '../ops/encoder-ops.js'
import { buildBody, checkpointOf } from './build-decoder.js'
import type { DecoderConfig } from './decoder-config.js'
import { type DecoderFamily, isLeftover, readDecoder } from './decoder-family.js'
import { embedded } from './forward-decoder.js'
import { forwardLayers } from './forward-layers.js'

/**
 * A family of decoders as it is read for vectors of texts: its layers without the head. Tokens attend to those before them, or
 * to all, as the family says.
 *
 * @param name of the class in Python: "Qwen3Model"
 */
export const embeddingFamily = (family: DecoderFamily, name: string): Architecture<EncoderDescription> =>
  defineArchitecture<DecoderConfig>({
    ...{ kind: 'encoder', specVersion: 1, names: [name], modelTypes: family.modelTypes },
    revision: family.revision,
    parseConfig: (json) => withoutHead(readDecoder(family, json)),
    facts,
    encoder,
    build: buildEmbedding,
    forward: forwardEmbedding,
    ignores: (tensor, config) => isLeftover(tensor, config) || tensor.startsWith(`${config.names.head}.`),
  })

/** Files of the bare model have its names without a prefix. */
function withoutHead(config: DecoderConfig): DecoderConfig {
  const layers = config.layers.map((layer) => ({
    ...layer,
    attention: { ...layer.attention, looksBack: !config.looksBothWays },
  }))
  return { ...config, layers, names: { ...config.names, base: '' } }
}

function facts({ vocabSize, maxPositions, layers }: DecoderConfig): ModelFacts {
  const turning = [...new Set(layers.flatMap(({ attention }) => attention.rope?.width ?? []))]
  return { vocabSize, maxPositions, layers: [], turning }
}

/** Scores grow with the square of the length: of so many tokens those of 16 heads take four gigabytes. */
const LONGEST_TEXT = 8192

const encoder = ({ hiddenSize, maxPositions }: DecoderConfig): EncoderFacts => ({
  ...{
    hiddenSize,
    tasks: ['hidden-states'],
    tokenTypes: 0,
    labels: [],
    problem: 'single-label',
    pools: false,
  },
  maxTokens: Math.min(maxPositions, LONGEST_TEXT),
})

function buildEmbedding(config: DecoderConfig, dtype: FloatDtype): Shell {
  const root = new Module()
  buildBody(root, config, dtype)
  return {
    ...{ root, dtype, inputEmbedding: config.names.embedding, outputEmbedding: '', ties: [] },
    ...{ basePrefix: 'model', checkpoint: checkpointOf(config) },
  }
}

function forwardEmbedding(ops: EncoderOps, config: DecoderConfig): void {
  const { names, output, hiddenSize } = config
  const at = (name: string) => joinPath(names.base, name)
  const end = ops.blocksEnd(forwardLayers(ops, config, at(names.layers), embedded(ops, config)))
  const hidden = output.norm === false ? end : ops.norm(at(names.finalNorm), end)
  ops.outputOfTokens('last_hidden_state', hidden, hiddenSize)
}
