import type { TextTokens } from '@hfquant/onnx'
import { EncoderModel } from './encoder-model.js'
import type { EncoderBatch, EncoderInput, EncodeTextsOptions } from './text-input.js'

/** Logits of every token of one text. */
export interface MaskedLMOutput {
  /** Row-major [tokens, vocabulary]. */
  readonly logits: Float32Array
  readonly shape: readonly [tokens: number, vocabulary: number]
}

/** An encoder that guesses tokens: those that are masked, above all. */
export class MaskedLM extends EncoderModel {
  /**
   * Logits of the vocabulary for every token of texts.
   *
   * @throws ConfigError for something that is no text, for a text that is longer than the model takes, or tokens that it
   * does not know; the reason of `signal`.
   */
  async predict(
    texts: readonly EncoderInput[],
    options: EncodeTextsOptions = {},
  ): Promise<readonly MaskedLMOutput[]> {
    return this.#predict(await this.readTexts(texts, options), options.signal)
  }

  /**
   * The same of a padded batch, as tokenizers of Python give it.
   *
   * @throws ConfigError for lists that do not fit each other, and as `predict`.
   */
  async forward(batch: EncoderBatch): Promise<readonly MaskedLMOutput[]> {
    return this.#predict(this.readBatch(batch))
  }

  async #predict(texts: readonly TextTokens[], signal?: AbortSignal): Promise<readonly MaskedLMOutput[]> {
    const { vocabSize } = this.description.facts
    const outputs = await this.run(texts, { ofTokens: ['logits'], ofTexts: [], signal })
    return outputs.map(({ logits }, index) => ({
      logits: logits!,
      shape: [texts[index]!.ids.length, vocabSize],
    }))
  }
}
