import { CapabilityError, type CheckpointMapping, type JsonObject, joinPath } from '@hfquant/core/runtime'
import {
  type Architecture,
  type Backbone,
  defineArchitecture,
  type EncoderDescription,
  type ModelFacts,
} from '../architecture/define-architecture.js'
import type { EncoderFacts, EncoderTask } from '../architecture/encoder-facts.js'
import { type ConfigReader, configReader, invalidField } from '../config/config-reader.js'
import { readSizes, type Sizes } from '../config/read-sizes.js'
import type { AttentionChoice, LayerChoice, MlpChoice } from '../decoder/decoder-config.js'
import { rescalingsOf } from '../decoder/rescalings.js'
import type { NormKind } from '../parts/norm.js'
import { buildBackbone, buildEncoder, checkpointOf } from './build-encoder.js'
import type { DenseChoice, EncoderConfig, HeadChoice, TokenInputChoice } from './encoder-config.js'
import { forwardBackbone, forwardEncoder } from './forward-encoder.js'
import { BERT_NAMES, type EncoderNames } from './names.js'
import { readLabels, readProblem } from './read-labels.js'

/** What tells an encoder from BERT: every choice that is left out is BERT's. */
export interface EncoderChoices {
  readonly norm: NormKind
  /** `post`, the default: norms take the sum of stream and branch; `pre`: they come before a branch. */
  readonly residual?: 'pre' | 'post'
  /** Of every layer, or of layer `index`. */
  readonly attention?: Partial<AttentionChoice> | ((index: number) => Partial<AttentionChoice>)
  readonly mlp?: Partial<MlpChoice>
  readonly layers?: (index: number) => Pick<LayerChoice, 'norms' | 'storedAs'>
  /** How many layers are run, where it is not the number of the file. */
  readonly depth?: number
  readonly tokens?: Partial<TokenInputChoice>
  readonly finalNorm?: boolean
  /** A pooled vector, in files that have it; its path is within the base model. */
  readonly pooler?: DenseChoice
  /** What stands on the hidden states for each task; paths begin at the root of a file with a head. */
  readonly heads?: Partial<Record<HeadChoice['task'], HeadParts>>
  readonly names?: Partial<EncoderNames>
  readonly checkpoint?: CheckpointMapping
}

/** A head but for what follows from the task. */
export interface HeadParts {
  readonly steps?: readonly DenseChoice[]
  readonly of?: HeadChoice['of']
  readonly output: string
  readonly bias?: HeadChoice['bias']
}

export interface EncoderFamily {
  /** What the classes in Python begin with: "Bert" of "BertModel" and "BertForMaskedLM". */
  readonly classes: readonly string[]
  readonly modelTypes: readonly string[]
  readonly revision: number
  /** As definitions have them. */
  readonly onnxModelTypes?: readonly string[]
  readonly onnxTasks?: readonly EncoderTask[]
  /** What the configuration class has for fields that a file leaves out. */
  readonly defaults?: JsonObject
  choose(read: ConfigReader, sizes: Sizes): EncoderChoices
}

/** Endings of the names of classes, and what is computed by one. */
const HEADS: readonly (readonly [ending: string, task: HeadChoice['task']])[] = [
  ['ForSequenceClassification', 'sequence-classification'],
  ['ForTokenClassification', 'token-classification'],
  ['ForMaskedLM', 'masked-lm'],
]

/** A family of encoders that is a row of choices. */
export function encoderFamily(family: EncoderFamily): Architecture<EncoderDescription> {
  const { classes, modelTypes, revision, onnxModelTypes, onnxTasks } = family
  const architecture = defineArchitecture<EncoderConfig>({
    kind: 'encoder',
    specVersion: 1,
    names: namesOf(classes),
    name: ({ className }) => className,
    modelTypes,
    revision,
    ...(onnxModelTypes && { onnxModelTypes }),
    ...(onnxTasks && { onnxTasks }),
    parseConfig: (json) => readEncoder(family, json),
    facts,
    encoder,
    rescalings: (config) => rescalingsOf(config, joinPath(config.names.base, config.names.layers)),
    build: buildEncoder,
    forward: forwardEncoder,
    fit,
    ignores: isLeftover,
  })
  return { ...architecture, backbone: (json, path) => backboneOf(readEncoder(family, json), path) }
}

function backboneOf(read: EncoderConfig, path: string): Backbone {
  const config = { ...read, names: { ...read.names, base: path } }
  return {
    ...{ facts: facts(config), encoder: encoder(config), checkpoint: checkpointOf(config) },
    inputEmbedding: joinPath(path, config.names.embedding),
    build: (root, dtype) => buildBackbone(root, config, dtype),
    forward: (ops) => forwardBackbone(ops, config),
  }
}

function readEncoder(family: EncoderFamily, json: JsonObject): EncoderConfig {
  // No encoder has a width of heads of its own.
  const read = configReader(json, { head_dim: null, ...family.defaults })
  refuseDecoders(read)
  const sizes = readSizes(read)
  demandWholeHeads(sizes)
  const chosen = family.choose(read, sizes)
  const { norm, residual = 'post', attention = {}, mlp = {}, tokens = {}, depth = sizes.layers } = chosen
  const className = classOf(family, json)
  const task = headOf(className)
  const parts = task && chosen.heads?.[task]
  const isBare = parts === undefined
  const names = { ...BERT_NAMES, ...chosen.names }
  const base = isBare ? '' : names.prefix
  const activation = read.activation(['hidden_act', 'hidden_activation', 'activation'], 'gelu')
  const layers = Array.from({ length: depth }, (_, index): LayerChoice => {
    const own = typeof attention === 'function' ? attention(index) : attention
    return {
      attention: checked({
        ...{ heads: sizes.heads, kvHeads: sizes.heads, headSize: sizes.headSize },
        ...{ projections: 'separate' as const, bias: true, outputBias: true },
        ...own,
      }),
      mlp: { kind: 'plain', inner: sizes.inner, bias: true, activation, ...mlp },
      ...chosen.layers?.(index),
    }
  })
  const labels = readLabels(read)
  const types = read.number('type_vocab_size', 0)
  return {
    className,
    ...{ hiddenSize: sizes.hidden, vocabSize: sizes.vocabulary, maxPositions: sizes.positions, norm, layers },
    residual: { kind: residual },
    tokens: withRows({ size: sizes.hidden, positions: sizes.positions, types, ...tokens }),
    finalNorm: chosen.finalNorm ?? false,
    pooler: chosen.pooler && { ...chosen.pooler, path: joinPath(base, chosen.pooler.path) },
    head: parts && headChoice(parts, task, { read, vocabulary: sizes.vocabulary, labels }),
    labels: isBare || task === 'masked-lm' ? [] : labels,
    problem: readProblem(read, labels.length),
    names: { ...names, base },
    ...(chosen.checkpoint && { checkpoint: chosen.checkpoint }),
  }
}

const namesOf = (classes: readonly string[]): readonly string[] =>
  classes.flatMap((name) => ['Model', ...HEADS.map(([ending]) => ending)].map((end) => name + end))

/** The class that a file names; the bare model where it names none of the family. */
function classOf({ classes }: EncoderFamily, { architectures: named }: JsonObject): string {
  const names = namesOf(classes)
  const first = Array.isArray(named) ? named[0] : named
  const found = names.find((name) => typeof first === 'string' && first.endsWith(name))
  return found ?? names[0]!
}

const headOf = (className: string): HeadChoice['task'] | undefined =>
  HEADS.find(([ending]) => className.endsWith(ending))?.[1]

function headChoice(
  { steps = [], of = 'first', output, bias = 'own' }: HeadParts,
  task: HeadChoice['task'],
  {
    read,
    vocabulary,
    labels,
  }: { readonly read: ConfigReader; readonly vocabulary: number; readonly labels: readonly string[] },
): HeadChoice {
  const isOfVocabulary = task === 'masked-lm'
  const outputs = isOfVocabulary ? vocabulary : labels.length
  const tied = isOfVocabulary && read.flag('tie_word_embeddings', true)
  return { task, of, steps, output, outputs, bias, tied }
}

/** Weights of an encoder that was trained to look back only, or at another text, compute something else. */
function refuseDecoders(read: ConfigReader): void {
  read.only('is_decoder', false, 'an encoder looks both ways')
  read.only('add_cross_attention', false, 'there is no other text to look at')
  read.only('position_embedding_type', 'absolute', 'positions are learned, or turn')
}

/** The runtime's attention takes heads of up to 1024 channels. */
function checked(attention: AttentionChoice): AttentionChoice {
  const { headSize } = attention
  if (headSize <= 1024 && (headSize % 2 === 0 || attention.rope === undefined)) return attention
  throw new CapabilityError('HEAD_SIZE', `head size ${headSize} is not offered, it must be at most 1024`, {
    field: 'num_attention_heads',
    found: headSize,
    hint: 'No setting changes it: the attention of the runtime computes no other heads.',
  })
}

/** Positions that are counted from the id of padding leave rows for a text. */
function withRows(tokens: TokenInputChoice): TokenInputChoice {
  const { positions, countedFrom } = tokens
  if (positions === undefined || countedFrom === undefined) return tokens
  if (Number.isInteger(countedFrom) && countedFrom >= 0 && countedFrom + 1 < positions) return tokens
  throw invalidField('pad_token_id', countedFrom, `an integer from 0 to ${positions - 2}`)
}

/** Hidden states are divided among the heads, of which none may get more than the others. */
function demandWholeHeads({ hidden, heads }: Pick<Sizes, 'hidden' | 'heads'>): void {
  if (hidden % heads === 0) return
  throw invalidField('num_attention_heads', heads, `a divisor of hidden_size (${hidden})`)
}

function facts({ vocabSize, maxPositions, layers }: EncoderConfig): ModelFacts {
  const turning = [...new Set(layers.flatMap(({ attention }) => attention.rope?.width ?? []))]
  return { vocabSize, maxPositions, layers: [], turning }
}

function encoder(config: EncoderConfig): EncoderFacts {
  const { hiddenSize, tokens, head, labels, problem, pooler, layers } = config
  const turns = layers.some(({ attention }) => attention.rope !== undefined)
  return {
    ...{ hiddenSize, labels, problem, pools: pooler !== undefined, tokenTypes: tokens.types },
    tasks: head === undefined ? ['hidden-states'] : ['hidden-states', head.task],
    maxTokens: longestText(config, turns),
  }
}

/**
 * Rows that are counted from the id of padding begin behind it. Distances alone limit nothing, and texts are longer than those
 * of the training at times; but scores grow with the square of the length, and some length would end the process.
 */
function longestText({ tokens, maxPositions }: EncoderConfig, turns: boolean): number {
  const { positions, countedFrom } = tokens
  if (positions !== undefined) return positions - (countedFrom === undefined ? 0 : countedFrom + 1)
  return turns ? maxPositions : BEYOND_TRAINING * maxPositions
}

/** Of 512 positions that is 4096 tokens, whose scores take about a gigabyte. */
const BEYOND_TRAINING = 8

/** Files of the bare model have a pooler or not, whatever config.json says; with a head on top it is part of that one. */
function fit(config: EncoderConfig, tensors: ReadonlySet<string>): EncoderConfig {
  const { pooler } = config
  const has =
    pooler !== undefined && [...tensors].some((name) => `.${name}`.endsWith(`.${pooler.path}.weight`))
  return has ? config : { ...config, pooler: undefined }
}

/** Heads of pretraining that no task reads, and second names of a tied bias. */
const isLeftover = (name: string, { pooler, head }: EncoderConfig): boolean =>
  /(^|\.)(cls\.seq_relationship|mask_predictions|lm_predictions)\./.test(name) ||
  (head?.task === 'masked-lm' && name === `${head.output}.bias` && head.bias !== 'own') ||
  (pooler === undefined && /(^|\.)pooler\./.test(name))
