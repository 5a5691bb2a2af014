import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CheckpointError, liesIn, quote } from '@hfquant/core'
import {
  AutoTokenizer,
  EncoderModel,
  type LoadModelOptions,
  loadPretrained,
  type ModelSource,
  type Tokenizer,
  type Weights,
} from '@hfquant/transformers'
import { CONFIG_NAME } from '../config/gliner-config.js'
import { glinerLabels, PORTS } from './architecture.js'

/** Labels whose vectors are kept; some kilobytes each. */
const MAX_KEPT = 4096

/** The encoder of the labels of a bi-encoder. Each label is computed once, and kept until many others have been. */
export class LabelEncoder extends EncoderModel {
  readonly #tokenizer: Tokenizer
  readonly #vectors = new Map<string, Float32Array>()

  /** @internal */
  constructor(weights: Weights, options: LoadModelOptions, tokenizer: Tokenizer) {
    super(weights, options)
    this.#tokenizer = tokenizer
  }

  static load(
    source: ModelSource,
    options: LoadModelOptions,
    tokenizer: Tokenizer,
    weightFiles: readonly string[],
  ): Promise<LabelEncoder> {
    return loadPretrained(
      source,
      options,
      {
        ...{ kind: 'encoder', configName: CONFIG_NAME, weightFiles },
        describe: (json) => glinerLabels.describe(json),
      },
      (weights) => new LabelEncoder(weights, options, tokenizer),
    )
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

  override async quantize(...how: Parameters<EncoderModel['quantize']>): Promise<void> {
    await super.quantize(...how)
    this.#vectors.clear()
  }

  override async dequantize(...options: Parameters<EncoderModel['dequantize']>): Promise<void> {
    await super.dequantize(...options)
    this.#vectors.clear()
  }
}

/**
 * The tokenizer of the labels, which is no part of a published checkpoint: in the folder `labels_encoder` of the model, in
 * the folder of the model that its configuration names, or where the caller says.
 *
 * @param name `labels_encoder` of gliner_config.json
 * @throws CheckpointError LABEL_TOKENIZER_MISSING.
 */
export async function labelTokenizer(
  folder: string,
  name: string,
  given: string | undefined,
): Promise<Tokenizer> {
  const inside = ['labels_encoder', name].map((own) => join(folder, own)).filter((own) => liesIn(own, folder))
  const found = given ?? inside.find((own) => existsSync(join(own, 'tokenizer.json')))
  if (found !== undefined) return AutoTokenizer.fromPretrained(found)
  throw new CheckpointError(
    'LABEL_TOKENIZER_MISSING',
    `${folder} holds no tokenizer of the encoder of labels, which is ${quote(name)}`,
    {
      file: join(folder, 'labels_encoder', 'tokenizer.json'),
      field: 'labels_encoder',
      found: name,
      hint: `Put the tokenizer files of ${quote(name)} into its folder labels_encoder, or pass labelsTokenizer.`,
    },
  )
}
