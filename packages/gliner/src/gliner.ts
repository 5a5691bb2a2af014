import { basename, join } from 'node:path'
import { publishWarning, type TokenizerElsewhere } from '@hfquant/core/runtime'
import {
  EncoderModel,
  type LoadModelOptions,
  loadPretrained,
  type ModelMemory,
  type ModelSource,
  type Tokenizer,
  type Weights,
} from '@hfquant/transformers'
import { CONFIG_NAME, type GlinerConfig } from './config/gliner-config.js'
import { readVariant } from './config/variant.js'
import { type Candidate, moved, type TextLogits } from './decode/candidate.js'
import { type Document, type Entity, entitiesOf } from './decode/entities.js'
import { spanCandidates } from './decode/span-candidates.js'
import { tokenCandidates } from './decode/token-candidates.js'
import type { LoadGlinerOptions } from './load-options.js'
import { describeLabels, gliner } from './model/architecture.js'
import { LabelEncoder } from './model/label-encoder.js'
import { lazyLabelEncoder } from './model/lazy-label-encoder.js'
import { scoreTexts } from './model/score-texts.js'
import { sumMemory } from './model/sum-memory.js'
import { pairValues } from './model/token-head.js'
import {
  type CheckedPredictOptions,
  checkDocumentOptions,
  checkPredictOptions,
  checkReadOptions,
  type PredictOptions,
  type ReadOptions,
} from './predict-options.js'
import {
  type GlinerFolder,
  LABELS_FOLDER,
  type LabelTokenizer,
  readGlinerFolder,
  readLabelTokenizer,
} from './read-folder.js'
import { checkDocuments, checkTexts } from './text/check-texts.js'
import { type GlinerDocument, readDocument } from './text/read-document.js'
import { type Labels, readLabels } from './text/read-labels.js'
import type { ReadPartsContext, TextPart } from './text/read-parts.js'

/** What was read of a folder beside the weights. */
interface ReadFolder extends GlinerFolder {
  readonly labels: LabelTokenizer | undefined
}

/** Finds entities of any labels in texts. */
export class GLiNER extends EncoderModel {
  readonly #read: ReadFolder
  readonly #options: LoadModelOptions
  /** Its graph is another one over the same weights. */
  readonly #labelEncoder = lazyLabelEncoder(async () => {
    const { labels, json } = this.#read
    const weights = await this.sharedWeights(describeLabels(json))
    return new LabelEncoder(weights, this.#options, labels!.tokenizer)
  })

  /** @internal */
  constructor(weights: Weights, options: LoadModelOptions, read: ReadFolder) {
    super(weights, options)
    this.#read = read
    this.#options = options
  }

  /**
   * Loads a model folder with gliner_config.json. Floats are cast to `dtype` while they are read; `quantize: 'int8'`
   * quantizes every linear layer on the way.
   *
   * @throws ConfigError for options, fields of the configuration, and MODEL_CLASS for a folder of another kind;
   * CapabilityError VARIANT for a kind of model that is not offered; CheckpointError for weights that are not those of the
   * configuration, MARKER_MISSING and LABEL_TOKENIZER_MISSING; as `AutoModelForCausalLM.fromPretrained` does.
   */
  static async fromPretrained(source: ModelSource, options: LoadGlinerOptions = {}): Promise<GLiNER> {
    const { variant: named, labelsTokenizer, ...given } = options
    const variant = readVariant(named, given.dtype)
    const load: LoadModelOptions = { ...given, ...(variant && { dtype: variant.dtype }) }
    const locate = typeof source === 'object' ? source?.locateTokenizer?.bind(source) : undefined
    let read: ReadFolder | undefined
    return loadPretrained<GLiNER>(
      source,
      load,
      {
        ...{ kind: 'encoder', configName: CONFIG_NAME },
        weightFiles: variant === undefined ? [] : [variant.file],
        async describe(json, folder) {
          const context = { locate, labelsTokenizer }
          const own = await readGlinerFolder(json, folder, context)
          read = { ...own, labels: await readLabelTokenizer(own.config, folder, context) }
          return gliner.describe(own.json)
        },
      },
      (weights) => new GLiNER(weights, load, read!),
      async ({ checkpoint, folder }) => {
        if (variant === undefined || basename(checkpoint.path) === variant.file) return undefined
        publishWarning(
          `${folder} has no ${variant.file}: ${basename(checkpoint.path)} is cast while it is read`,
        )
        return undefined
      },
    )
  }

  override async tokenizer(): Promise<Tokenizer> {
    return this.#read.tokenizer
  }

  /**
   * Entities of one text, in the order of their start. A text without words has none, nor is anything found without labels.
   *
   * @param labels names of what is looked for; each counts once.
   * @throws ConfigError for a text or labels that are no strings, options, PROMPT_TOO_LONG for labels that leave no room for
   * the text; the reason of `signal`.
   */
  async predictEntities(
    text: string,
    labels: string | readonly string[],
    options: PredictOptions = {},
  ): Promise<readonly Entity[]> {
    return (await this.batchPredictEntities([text], labels, options))[0]!
  }

  /**
   * Entities of several texts, in the order of the texts.
   *
   * @param labels for all texts, or a list for each text.
   * @throws as `predictEntities`; ConfigError LABELS_COUNT for lists that are not as many as the texts.
   */
  async batchPredictEntities(
    texts: readonly string[],
    labels: Labels,
    options: PredictOptions = {},
  ): Promise<readonly (readonly Entity[])[]> {
    checkTexts(texts)
    const { longText, signal, ...others } = checkPredictOptions(options, texts.length)
    const documents = await this.readDocuments(texts, labels, { longText, signal })
    return this.predictDocuments(documents, { ...others, signal })
  }

  /**
   * Reads texts without computing anything: how long they are is known then, and tokens are made once, however often
   * entities are asked for.
   *
   * @param labels for all texts, or a list for each text.
   * @throws as `batchPredictEntities`; ConfigError TEXT_TOO_LONG for a text of more than `maxWords`.
   */
  async readDocuments(
    texts: readonly string[],
    labels: Labels,
    options: ReadOptions = {},
  ): Promise<readonly GlinerDocument[]> {
    checkTexts(texts)
    const { longText, signal, maxWords: most } = checkReadOptions(options)
    const lists = readLabels(labels, texts.length, this.#config.entToken)
    const context = this.readContext(longText, signal)
    const documents: GlinerDocument[] = []
    for (const [index, text] of texts.entries()) {
      documents.push(await readDocument(text, lists[index]!, { ...context, most }))
    }
    return documents
  }

  /**
   * Entities of texts that this model has read, in the order of the texts.
   *
   * @throws ConfigError for options, and for what is no such text; the reason of `signal`.
   */
  async predictDocuments(
    documents: readonly GlinerDocument[],
    options: Omit<PredictOptions, 'longText'> = {},
  ): Promise<readonly (readonly Entity[])[]> {
    checkDocuments(documents)
    const checked = checkDocumentOptions(options, documents.length)
    const candidates = await this.#candidatesOf(documents, checked)
    return documents.map((document, index) =>
      entitiesOf({ ...document, spans: checked.inputSpans?.[index] }, candidates[index]!, checked),
    )
  }

  override async quantize(...how: Parameters<EncoderModel['quantize']>): Promise<void> {
    const { opened } = this
    await super.quantize(...how)
    if (this.opened !== opened) await this.#labelEncoder.close()
  }

  override async dequantize(...options: Parameters<EncoderModel['dequantize']>): Promise<void> {
    const { opened } = this
    await super.dequantize(...options)
    if (this.opened !== opened) await this.#labelEncoder.close()
  }

  /** Of a bi-encoder, with both of its compiled graphs. */
  override async memoryUsage(): Promise<ModelMemory> {
    const own = await super.memoryUsage()
    const labels = await (await this.#labelEncoder.opened)?.memoryUsage()
    return labels === undefined ? own : { ...own, compiled: sumMemory(own.compiled, labels.compiled) }
  }

  override async dispose(): Promise<void> {
    await Promise.all([super.dispose(), this.#labelEncoder.close()])
  }

  /** @internal */
  protected override tokenizersElsewhere(): readonly TokenizerElsewhere[] {
    const { tokenizerFolder, labels } = this.#read
    const { folder } = this.opened
    return [
      ...(tokenizerFolder === folder ? [] : [{ folder: tokenizerFolder, into: '' }]),
      ...(labels === undefined || labels.folder === join(folder, LABELS_FOLDER)
        ? []
        : [{ folder: labels.folder, into: LABELS_FOLDER }]),
    ]
  }

  get #config(): GlinerConfig {
    return this.#read.config
  }

  /** Of each document. */
  async #candidatesOf(
    documents: readonly GlinerDocument[],
    options: CheckedPredictOptions,
  ): Promise<readonly (readonly Candidate[])[]> {
    const parts = documents.flatMap((one, document) => one.parts.map((part) => ({ ...part, document })))
    const found = await this.scoreParts(parts, documents, options.signal, (logits, { window }) =>
      this.#candidatesIn(logits, options)
        .map((candidate) => moved(candidate, window.start))
        .filter(({ start }) => start >= window.ownsFrom && start < window.ownsTo),
    )
    const byDocument: Candidate[][] = documents.map(() => [])
    for (const [index, { document }] of parts.entries()) {
      for (const candidate of found[index]!) byDocument[document]!.push(candidate)
    }
    return byDocument
  }

  /** @internal */
  readContext(longText: CheckedPredictOptions['longText'], signal?: AbortSignal): ReadPartsContext {
    const context = { tokenizer: this.#read.tokenizer, config: this.#config, maxTokens: this.#maxTokens }
    return { ...context, longText, signal }
  }

  /**
   * What `read` makes of the logits of parts, in their order.
   *
   * @internal
   */
  async scoreParts<Result>(
    parts: readonly DocumentPart[],
    documents: readonly Pick<Document, 'labels'>[],
    signal: AbortSignal | undefined,
    read: (logits: TextLogits, part: DocumentPart) => Result,
  ): Promise<readonly Result[]> {
    if (parts.length === 0) return []
    const session = await this.state.session()
    const all = [...new Set(parts.flatMap(({ document }) => documents[document]!.labels))]
    const vectors = this.#read.labels && (await (await this.#labelEncoder.get()).encode(all, signal))
    const vectorOf = vectors && new Map(all.map((label, index) => [label, vectors[index]!]))
    const inputs = parts.map(({ encoded, document }) => {
      const { labels } = documents[document]!
      const labelVectors = vectorOf && labels.map((label) => vectorOf.get(label)!)
      return { encoded, labels: labels.length, labelVectors }
    })
    const { mode, hiddenSize, rnnLayers, labels } = this.#config
    const recurs = rnnLayers > 0 && labels === undefined
    const pairSize = mode === 'token' ? pairValues(hiddenSize) : 0
    return scoreTexts(inputs, { session, hiddenSize, recurs, pairSize, signal }, (logits, index) =>
      read(logits, parts[index]!),
    )
  }

  #candidatesIn(
    logits: TextLogits,
    { threshold, returnClassProbs }: CheckedPredictOptions,
  ): readonly Candidate[] {
    const { mode, maxWidth } = this.#config
    return mode === 'span'
      ? spanCandidates(logits, maxWidth, threshold, returnClassProbs)
      : tokenCandidates(logits, threshold)
  }

  /** Tokens of the longest sequence that tokenizer and encoder allow. */
  get #maxTokens(): number | undefined {
    const limits = [this.#read.tokenizer.modelMaxLength, this.maxLength].filter(
      (limit) => limit !== undefined,
    )
    return limits.length === 0 ? undefined : Math.min(...limits)
  }
}

interface DocumentPart extends TextPart {
  /** Index of its document. */
  readonly document: number
}
