import type { TextTokens } from '@hfquant/onnx'
import { type LabelScore, ranked, scoresOf } from './classes.js'
import { EncoderModel } from './encoder-model.js'
import type { EncoderBatch, EncoderInput, EncodeTextsOptions } from './text-input.js'

/** The classes of one text, or of a pair. */
export interface ClassifiedText {
  /** In the order of `labels`. */
  readonly logits: Float32Array
  /** All classes, the best first. */
  readonly scores: readonly LabelScore[]
}

/** An encoder that classifies texts, or pairs of them: topics, sentiments, whether a document answers a query. */
export class SequenceClassifier extends EncoderModel {
  /** Names of the classes. */
  get labels(): readonly string[] {
    return this.facts.labels
  }

  /**
   * Classes of texts.
   *
   * @throws ConfigError for something that is no text, for a text that is longer than the model takes, or tokens that it
   * does not know; the reason of `signal`.
   */
  async classify(
    texts: readonly EncoderInput[],
    options: EncodeTextsOptions = {},
  ): Promise<readonly ClassifiedText[]> {
    return this.#classify(await this.readTexts(texts, options), options.signal)
  }

  /**
   * The same of a padded batch, as tokenizers of Python give it.
   *
   * @throws ConfigError for lists that do not fit each other, and as `classify`.
   */
  async forward(batch: EncoderBatch): Promise<readonly ClassifiedText[]> {
    return this.#classify(this.readBatch(batch))
  }

  async #classify(texts: readonly TextTokens[], signal?: AbortSignal): Promise<readonly ClassifiedText[]> {
    const outputs = await this.run(texts, { ofTokens: [], ofTexts: ['logits'], signal })
    return outputs.map((output) => {
      const logits = output.logits!
      return { logits, scores: ranked(scoresOf(logits, this.facts)) }
    })
  }
}
