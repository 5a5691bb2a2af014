import { checkOptions } from '@hfquant/core'
import type { TextTokens } from '@hfquant/onnx'
import { EncoderModel } from './encoder-model.js'
import type { TextOutput } from './run-texts.js'
import {
  checkPromptTokens,
  EMBED_OPTIONS,
  type EmbedOptions,
  preparedText,
  promptOf,
  type SentenceInput,
  sentenceVector,
} from './sentence/embed.js'
import { readSentenceSettings, type SentenceSettings } from './sentence/sentence-settings.js'
import { checkTexts, type EncoderBatch, type EncoderInput, type EncodeTextsOptions } from './text-input.js'

/** The hidden states of one text. */
export interface EncodedText {
  /** Row-major [tokens, hiddenSize]. */
  readonly lastHiddenState: Float32Array
  readonly shape: readonly [tokens: number, hiddenSize: number]
  /** [hiddenSize], of a model that has a pooler. */
  readonly poolerOutput?: Float32Array
}

const STATES = 'last_hidden_state'

/** An encoder without a head: texts become hidden states, or one vector each. */
export class BaseEncoder extends EncoderModel {
  #sentences: Promise<SentenceSettings> | undefined

  /**
   * Hidden states of every token of texts of any lengths.
   *
   * @throws ConfigError for something that is no text, for a text that is longer than the model takes, or tokens that it
   * does not know; the reason of `signal`.
   */
  async encode(
    texts: readonly EncoderInput[],
    options: EncodeTextsOptions = {},
  ): Promise<readonly EncodedText[]> {
    return this.#encode(await this.readTexts(texts, options), options.signal)
  }

  /**
   * The same of a padded batch, as tokenizers of Python give it. What stands in for padding is not computed: each text has
   * as many rows as it has tokens.
   *
   * @throws ConfigError for lists that do not fit each other, and as `encode`.
   */
  async forward(batch: EncoderBatch): Promise<readonly EncodedText[]> {
    return this.#encode(this.readBatch(batch))
  }

  /**
   * One vector for each text, as sentence-transformers computes it: prompts, pooling, layers behind it and normalization are
   * those that the folder says; without a word of it, the mean of the hidden states. Texts that are too long are cut.
   *
   * @returns vectors of one length, in the order of the texts.
   * @throws ConfigError PROMPT_UNKNOWN; CapabilityError for a module of the folder that is not offered; as `encode`.
   */
  async embed(texts: readonly EncoderInput[], options: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    checkTexts(texts)
    checkOptions(options, EMBED_OPTIONS)
    const settings = await this.#sentenceSettings()
    const { signal, normalize } = options
    const { maxLength, promptTokens, textOf } = await this.sentenceInput(options)
    const tokens = await this.readTexts(
      texts.map((text) => (typeof text === 'string' ? textOf(text) : text)),
      { truncation: true, maxLength, signal },
    )
    const ofPrompts = texts.map((text) => (typeof text === 'string' ? promptTokens : checkPromptTokens(text)))
    return this.runAndRead(tokens, { ofTokens: [STATES], ofTexts: [], signal }, (output, index) =>
      sentenceVector(output[STATES]!, this.facts.hiddenSize, settings, {
        promptTokens: ofPrompts[index]!,
        normalize,
      }),
    )
  }

  /**
   * How `embed` reads texts, for who makes tokens of them elsewhere: `{ inputIds, promptTokens }` of `textOf(text)`, cut to
   * `maxLength`, give the vector of `text`.
   *
   * @throws ConfigError PROMPT_UNKNOWN; CapabilityError for a module of the folder that is not offered.
   */
  async sentenceInput(options: Pick<EmbedOptions, 'prompt' | 'promptName'> = {}): Promise<SentenceInput> {
    const settings = await this.#sentenceSettings()
    const prompt = promptOf(settings, options)
    return {
      maxLength: Math.min(settings.maxLength ?? this.maxLength, this.maxLength),
      promptTokens: settings.pooling.includesPrompt ? 0 : await this.#promptTokens(prompt, settings),
      textOf: (text) => preparedText(prompt + text, settings),
    }
  }

  /** As sentence-transformers counts them: of the prompt as a text of its own, less the token that ends texts. */
  async #promptTokens(prompt: string, settings: SentenceSettings): Promise<number> {
    const tokenizer = await this.tokenizer()
    if (prompt === '' || tokenizer === undefined) return 0
    const text = preparedText(prompt, settings)
    const ids = tokenizer.encode(text)
    const isEnded = ids.at(-1) !== tokenizer.encode(text, { addSpecialTokens: false }).at(-1)
    return ids.length - Number(isEnded)
  }

  #sentenceSettings(): Promise<SentenceSettings> {
    this.#sentences ??= this.readBeside((folder) => readSentenceSettings(folder, this.facts.hiddenSize))
    return this.#sentences
  }

  /** @internal */
  protected override filesBeside(): readonly Promise<unknown>[] {
    return [...super.filesBeside(), this.#sentenceSettings()]
  }

  async #encode(texts: readonly TextTokens[], signal?: AbortSignal): Promise<readonly EncodedText[]> {
    const { hiddenSize, pools } = this.facts
    const ofTexts = pools ? ['pooler_output'] : []
    const outputs = await this.run(texts, { ofTokens: [STATES], ofTexts, signal })
    return outputs.map((output, index) => encoded(output, texts[index]!.ids.length, hiddenSize))
  }
}

function encoded(output: TextOutput, tokens: number, hiddenSize: number): EncodedText {
  const { [STATES]: states, pooler_output: pooled } = output
  return {
    lastHiddenState: states!,
    shape: [tokens, hiddenSize],
    ...(pooled && { poolerOutput: pooled }),
  }
}
