import type { CheckpointMapping } from '@hfquant/core/runtime'
import type { EncoderFacts } from '../architecture/encoder-facts.js'
import type { LayersConfig } from '../decoder/decoder-config.js'
import type { Activation } from '../parts/activation.js'
import type { EncoderNames } from './names.js'

/** An encoder: layers as decoders have them, what they begin with, and what stands on them. */
export interface EncoderConfig extends LayersConfig {
  /** Of the class that the file names. */
  readonly className: string
  readonly vocabSize: number
  readonly maxPositions: number
  readonly tokens: TokenInputChoice
  /** Whether a norm comes behind the last layer. */
  readonly finalNorm: boolean
  /** From the first token, a vector of the text beside its hidden states. */
  readonly pooler: DenseChoice | undefined
  readonly head: HeadChoice | undefined
  readonly labels: readonly string[]
  readonly problem: EncoderFacts['problem']
  readonly names: EncoderNames
  /** Other names that files have for the same tensors. */
  readonly checkpoint?: CheckpointMapping | undefined
}

/** What a token's vector is made of, before the first layer. */
export interface TokenInputChoice {
  /** Channels of the tables; hidden states are projected from them where they have another number. */
  readonly size: number
  /** Rows of the table of learned positions; undefined for a model without. */
  readonly positions?: number | undefined
  /** The id of padding, where learned positions are counted from it and tokens with that id are not counted. */
  readonly countedFrom?: number | undefined
  /** Rows of the table of token types; 0 for a model without. */
  readonly types: number
}

/** A linear layer, an activation, perhaps a norm. */
export interface DenseChoice {
  /** Path of the linear layer. */
  readonly path: string
  readonly inner: number
  readonly bias: boolean
  readonly activation: Activation | 'tanh'
  /** Path of the norm behind it. */
  readonly norm?: string | undefined
}

export interface HeadChoice {
  readonly task: 'sequence-classification' | 'token-classification' | 'masked-lm'
  /** The vector of a text that is classified: its first token, or the mean of its tokens. */
  readonly of: 'first' | 'mean'
  readonly steps: readonly DenseChoice[]
  /** Path of the matrix that gives logits. */
  readonly output: string
  /** Classes, or tokens of the vocabulary. */
  readonly outputs: number
  /** Full name of its bias where it stands beside the matrix; `own` for one within. */
  readonly bias: 'own' | (string & {}) | undefined
  /** Whether the matrix is the token table. */
  readonly tied: boolean
}
