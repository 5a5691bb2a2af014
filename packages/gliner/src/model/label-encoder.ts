import { EncoderModel, type LoadModelOptions, type Tokenizer, type Weights } from '@hfquant/transformers'
import { PORTS } from './architecture.js'

/** Labels whose vectors are kept; some kilobytes each. */
const MAX_KEPT = 4096

/**
 * The encoder of the labels of a bi-encoder, a second graph over the weights of the model. Each label is computed once, and
 * kept until many others have been.
 */
export class LabelEncoder extends EncoderModel {
  readonly #tokenizer: Tokenizer
  readonly #vectors = new Map<string, Float32Array>()

  /** @internal */
  constructor(weights: Weights, options: LoadModelOptions, tokenizer: Tokenizer) {
    super(weights, options)
    this.#tokenizer = tokenizer
  }

  override async tokenizer(): Promise<Tokenizer> {
    return this.#tokenizer
  }

  /** The vectors of labels, [D] each. */
  async encode(labels: readonly string[], signal?: AbortSignal): Promise<readonly Float32Array[]> {
    const vectors = new Map([...new Set(labels)].map((label) => [label, this.#vectors.get(label)]))
    const missing = [...vectors.keys()].filter((label) => vectors.get(label) === undefined)
    if (missing.length > 0) {
      const tokens = await this.readTexts(missing, { truncation: true, signal })
      const outputs = await this.run(tokens, { ofTokens: [], ofTexts: [PORTS.labels], signal })
      for (const [index, label] of missing.entries()) {
        vectors.set(label, outputs[index]!.labels!)
        this.#vectors.set(label, outputs[index]!.labels!)
      }
      const oldest = [...this.#vectors.keys()].slice(0, Math.max(0, this.#vectors.size - MAX_KEPT))
      for (const label of oldest) this.#vectors.delete(label)
    }
    return labels.map((label) => vectors.get(label)!)
  }
}
