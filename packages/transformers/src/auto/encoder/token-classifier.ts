import type { TextTokens } from '@hfquant/onnx'
import { type LabelScore, ranked, scoresOf } from './classes.js'
import { EncoderModel } from './encoder-model.js'
import type { EncoderBatch, EncoderInput, EncodeTextsOptions } from './text-input.js'

/** The class of a token. */
export interface ClassifiedToken extends LabelScore {
  readonly tokenId: number
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
    options: EncodeTextsOptions = {},
  ): Promise<readonly ClassifiedTokens[]> {
    return this.#classify(await this.readTexts(texts, options), options.signal)
  }

  /**
   * The same of a padded batch, as tokenizers of Python give it.
   *
   * @throws ConfigError for lists that do not fit each other, and as `classify`.
   */
  async forward(batch: EncoderBatch): Promise<readonly ClassifiedTokens[]> {
    return this.#classify(this.readBatch(batch))
  }

  async #classify(texts: readonly TextTokens[], signal?: AbortSignal): Promise<readonly ClassifiedTokens[]> {
    const outputs = await this.run(texts, { ofTokens: ['logits'], ofTexts: [], signal })
    return outputs.map((output, index) => this.#classified(texts[index]!, output.logits!))
  }

  #classified({ ids }: TextTokens, logits: Float32Array): ClassifiedTokens {
    const classes = this.labels.length
    const tokens = Array.from(ids, (tokenId, token) => {
      const own = logits.subarray(token * classes, (token + 1) * classes)
      return { tokenId, ...ranked(scoresOf(own, this.facts))[0]! }
    })
    return { logits, shape: [ids.length, classes], tokens }
  }
}
