import { checkOptions, oneOf } from '@hfquant/core'
import { codePointOffsets } from '../../tokenizer/index.js'
import { type LabelScore, ranked, scoresOf } from './classes.js'
import { EncoderModel } from './encoder-model.js'
import {
  ENCODE_TEXTS_OPTIONS,
  type EncoderBatch,
  type EncoderInput,
  type EncodeTextsOptions,
  type ReadText,
} from './text-input.js'

/** The class of a token. */
export interface ClassifiedToken extends LabelScore {
  readonly tokenId: number
  /**
   * Where the characters that the token stands for begin and end in the text; absent for tokens that are put around it, for
   * texts that are given as tokens, and for pairs.
   */
  readonly start?: number
  readonly end?: number
}

/** How tokens are classified. */
export interface ClassifyTokensOptions extends EncodeTextsOptions {
  /** What `start` and `end` count: `utf16` units, the default, as JavaScript does; or `codePoints`, as Python does. */
  readonly offsets?: 'utf16' | 'codePoints' | undefined
}

export interface ClassifiedTokens {
  /** Row-major [tokens, classes]. */
  readonly logits: Float32Array
  readonly shape: readonly [tokens: number, classes: number]
  /** The best class of each token, those that begin and end the text included. */
  readonly tokens: readonly ClassifiedToken[]
}

/** An encoder that classifies every token of a text: names, parts of speech. */
export class TokenClassifier extends EncoderModel {
  /** Names of the classes. */
  get labels(): readonly string[] {
    return this.facts.labels
  }

  /**
   * Classes of the tokens of texts.
   *
   * @throws ConfigError for something that is no text, for a text that is longer than the model takes, or tokens that it
   * does not know; the reason of `signal`.
   */
  async classify(
    texts: readonly EncoderInput[],
    options: ClassifyTokensOptions = {},
  ): Promise<readonly ClassifiedTokens[]> {
    checkOptions(options, [...ENCODE_TEXTS_OPTIONS, 'offsets'])
    const { offsets = 'utf16', ...reading } = options
    oneOf(offsets, ['utf16', 'codePoints'], 'offsets')
    const read = await this.readTexts(texts, reading, true)
    return this.#classify(offsets === 'utf16' ? read : read.map(inCodePoints(texts)), options.signal)
  }

  /**
   * The same of a padded batch, as tokenizers of Python give it.
   *
   * @throws ConfigError for lists that do not fit each other, and as `classify`.
   */
  async forward(batch: EncoderBatch): Promise<readonly ClassifiedTokens[]> {
    return this.#classify(this.readBatch(batch))
  }

  async #classify(texts: readonly ReadText[], signal?: AbortSignal): Promise<readonly ClassifiedTokens[]> {
    const outputs = await this.run(texts, { ofTokens: ['logits'], ofTexts: [], signal })
    return outputs.map((output, index) => this.#classified(texts[index]!, output.logits!))
  }

  #classified({ ids, offsets }: ReadText, logits: Float32Array): ClassifiedTokens {
    const classes = this.labels.length
    const tokens = Array.from(ids, (tokenId, token) => {
      const own = logits.subarray(token * classes, (token + 1) * classes)
      const [start, end] = offsets?.[token] ?? []
      const place = start !== undefined && end !== undefined && { start, end }
      return { tokenId, ...ranked(scoresOf(own, this.facts))[0]!, ...place }
    })
    return { logits, shape: [ids.length, classes], tokens }
  }
}

const inCodePoints =
  (inputs: readonly EncoderInput[]) =>
  (text: ReadText, index: number): ReadText => {
    const input = inputs[index]
    if (typeof input !== 'string' || text.offsets === undefined) return text
    const place = codePointOffsets(input)
    return { ...text, offsets: text.offsets.map((span) => span && [place(span[0]), place(span[1])]) }
  }
