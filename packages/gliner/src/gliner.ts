import { basename } from 'node:path'
import { ConfigError, publishWarning, quote } from '@hfquant/core'
import {
  AutoTokenizer,
  EncoderModel,
  type LoadModelOptions,
  loadPretrained,
  type ModelSource,
  type Tokenizer,
  type Weights,
} from '@hfquant/transformers'
import { CONFIG_NAME, type GlinerConfig, readGlinerConfig } from './config/gliner-config.js'
import { lacksMarkers, markersOf, settleVocabulary } from './config/markers.js'
import { readVariant } from './config/variant.js'
import type { Candidate, TextLogits } from './decode/candidate.js'
import { type Document, type Entity, entitiesOf } from './decode/entities.js'
import { spanCandidates } from './decode/span-candidates.js'
import { tokenCandidates } from './decode/token-candidates.js'
import { gliner } from './model/architecture.js'
import { LabelEncoder, labelTokenizer } from './model/label-encoder.js'
import { scoreTexts } from './model/score-texts.js'
import { type CheckedPredictOptions, checkPredictOptions, type PredictOptions } from './predict-options.js'
import { type Labels, readLabels } from './text/read-labels.js'
import { type ReadPartsContext, readParts, type TextPart } from './text/read-parts.js'
import { splitWords } from './text/split-words.js'

/** Options of `GLiNER.fromPretrained`. */
export interface LoadGlinerOptions
  extends Omit<LoadModelOptions, 'kvCacheDtype' | 'kvCacheMemory' | 'maxSequences' | 'quantizeLmHead'> {
  /** 'fp16' or 'bf16': weights that lie beside the usual ones in that precision. */
  readonly variant?: 'fp16' | 'bf16' | (string & {}) | null | undefined
  /** Of a bi-encoder whose folder has no tokenizer for labels: the folder that has it. */
  readonly labelsTokenizer?: string | undefined
}

/** What a folder holds beside the weights. */
interface ReadFolder {
  readonly config: GlinerConfig
  readonly tokenizer: Tokenizer
  readonly labelTokenizer: Tokenizer | undefined
}

/** Finds entities of any labels in texts. */
export class GLiNER extends EncoderModel {
  readonly #config: GlinerConfig
  readonly #tokenizer: Tokenizer
  readonly #labelEncoder: LabelEncoder | undefined

  /** @internal */
  constructor(
    weights: Weights,
    options: LoadModelOptions,
    { config, tokenizer }: ReadFolder,
    labelEncoder: LabelEncoder | undefined,
  ) {
    super(weights, options)
    this.#config = config
    this.#tokenizer = tokenizer
    this.#labelEncoder = labelEncoder
  }

  /**
   * Loads a model folder with gliner_config.json. Floats are cast to `dtype` while they are read; `quantize: 'int8'`
   * quantizes every linear layer on the way.
   *
   * @throws ConfigError for options, and for fields of the configuration; CapabilityError VARIANT for a kind of model that
   * is not offered; CheckpointError for weights that are not those of the configuration, MARKER_MISSING and
   * LABEL_TOKENIZER_MISSING; as `AutoModelForCausalLM.fromPretrained` does.
   */
  static async fromPretrained(source: ModelSource, options: LoadGlinerOptions = {}): Promise<GLiNER> {
    const { variant: named, labelsTokenizer, ...given } = options
    const variant = readVariant(named, given.dtype)
    const load: LoadModelOptions = { ...given, ...(variant && { dtype: variant.dtype }) }
    const weightFiles = variant === undefined ? [] : [variant.file]
    let read: ReadFolder | undefined
    let labelEncoder: LabelEncoder | undefined
    return loadPretrained<GLiNER>(
      source,
      load,
      {
        ...{ kind: 'encoder', configName: CONFIG_NAME, weightFiles },
        async describe(json, folder) {
          const config = readGlinerConfig(json)
          const addedTokens = lacksMarkers(config) ? markersOf(config) : []
          const tokenizer = await AutoTokenizer.fromPretrained(folder, { addedTokens })
          const settled = settleVocabulary(json, config, tokenizer)
          const ofLabels =
            config.labels && (await labelTokenizer(folder, config.labels.name, labelsTokenizer))
          read = { config, tokenizer, labelTokenizer: ofLabels }
          return gliner.describe(settled)
        },
      },
      (weights) => new GLiNER(weights, load, read!, labelEncoder),
      async ({ checkpoint, folder }) => {
        if (variant !== undefined && basename(checkpoint.path) !== variant.file) {
          publishWarning(
            `${folder} has no ${variant.file}: ${basename(checkpoint.path)} is cast while it is read`,
          )
        }
        const ofLabels = read!.labelTokenizer
        labelEncoder = ofLabels && (await LabelEncoder.load(folder, load, ofLabels, weightFiles))
        return undefined
      },
    ).catch(async (error) => {
      await labelEncoder?.dispose()
      throw error
    })
  }

  override async tokenizer(): Promise<Tokenizer> {
    return this.#tokenizer
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
    const checked = checkPredictOptions(options, texts.length)
    const lists = readLabels(labels, texts.length, this.#config.entToken)
    const documents = texts.map((text, index) => ({
      ...{ text, labels: lists[index]!, words: splitWords(text) },
      spans: checked.inputSpans?.[index],
    }))
    const candidates = await this.#candidatesOf(documents, checked)
    return documents.map((document, index) => entitiesOf(document, candidates[index]!, checked))
  }

  override async quantize(...how: Parameters<EncoderModel['quantize']>): Promise<void> {
    await super.quantize(...how)
    await this.#labelEncoder?.quantize(...how)
  }

  override async dequantize(...options: Parameters<EncoderModel['dequantize']>): Promise<void> {
    await super.dequantize(...options)
    await this.#labelEncoder?.dequantize(...options)
  }

  override async dispose(): Promise<void> {
    await Promise.all([super.dispose(), this.#labelEncoder?.dispose()])
  }

  /** Of each document. */
  async #candidatesOf(
    documents: readonly Document[],
    options: CheckedPredictOptions,
  ): Promise<readonly (readonly Candidate[])[]> {
    const parts = await this.#partsOf(documents, options)
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

  async #partsOf(
    documents: readonly Document[],
    { longText, signal }: CheckedPredictOptions,
  ): Promise<readonly DocumentPart[]> {
    const context = this.readContext(longText, signal)
    const parts: DocumentPart[] = []
    for (const [document, { words, labels }] of documents.entries()) {
      if (words.length === 0 || labels.length === 0) continue
      const texts = words.map(({ text }) => text)
      const own = await readParts(texts, labels, context)
      for (const part of own) parts.push({ ...part, document })
    }
    return parts
  }

  /** @internal */
  protected readContext(longText: CheckedPredictOptions['longText'], signal?: AbortSignal): ReadPartsContext {
    const context = { tokenizer: this.#tokenizer, config: this.#config, maxTokens: this.#maxTokens }
    return { ...context, longText, signal }
  }

  /**
   * What `read` makes of the logits of parts, in their order.
   *
   * @internal
   */
  protected async scoreParts<Result>(
    parts: readonly DocumentPart[],
    documents: readonly Pick<Document, 'labels'>[],
    signal: AbortSignal | undefined,
    read: (logits: TextLogits, part: DocumentPart) => Result,
  ): Promise<readonly Result[]> {
    if (parts.length === 0) return []
    const all = [...new Set(parts.flatMap(({ document }) => documents[document]!.labels))]
    const vectors = await this.#labelEncoder?.encode(all, signal)
    const vectorOf = vectors && new Map(all.map((label, index) => [label, vectors[index]!]))
    const inputs = parts.map(({ encoded, document }) => {
      const { labels } = documents[document]!
      const labelVectors = vectorOf && labels.map((label) => vectorOf.get(label)!)
      return { encoded, labels: labels.length, labelVectors }
    })
    const { hiddenSize, rnnLayers, labels } = this.#config
    const recurs = rnnLayers > 0 && labels === undefined
    const session = await this.state.session()
    return scoreTexts(inputs, { session, hiddenSize, recurs, signal }, (logits, index) =>
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
    const limits = [this.#tokenizer.modelMaxLength, this.maxLength].filter((limit) => limit !== undefined)
    return limits.length === 0 ? undefined : Math.min(...limits)
  }
}

interface DocumentPart extends TextPart {
  /** Index of its document. */
  readonly document: number
}

const moved = (candidate: Candidate, words: number): Candidate => ({
  ...candidate,
  start: candidate.start + words,
  end: candidate.end + words,
})

function checkTexts(texts: unknown): asserts texts is readonly string[] {
  const wrong = Array.isArray(texts) ? texts.findIndex((text) => typeof text !== 'string') : -1
  if (Array.isArray(texts) && wrong === -1) return
  const field = Array.isArray(texts) ? `texts[${wrong}]` : 'texts'
  const found = Array.isArray(texts) ? texts[wrong] : texts
  throw new ConfigError(
    'TEXT_INVALID',
    `${field} is ${quote(found)}, expected ${Array.isArray(texts) ? 'a string' : 'a list of strings'}`,
    {
      field,
      found,
      hint: 'Pass one text to predictEntities, and a list of texts to batchPredictEntities.',
    },
  )
}
