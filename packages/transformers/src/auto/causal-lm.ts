import {
  AutoQuantizer,
  cacheFolder,
  createScratchStore,
  dequantizeModel,
  type JsonObject,
  type LoadingReport,
  type QuantizationConfigInput,
  saveModel,
  type TensorStore,
} from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import type { DecoderSession } from '@hfquant/onnx'
import { type GenerationOptions, resolveGenerationConfig, tokenBudget } from '../generate/index.js'
import type { Tokenizer } from '../tokenizer/index.js'
import { checkBatch, checkTokens, type Prompt, promptTokens } from './check-tokens.js'
import { compile, openKept } from './compile.js'
import { confirmRecipe } from './confirm-recipe.js'
import { findTokenizer, generationDefaults } from './folder-files.js'
import type { ForwardResult } from './forward-result.js'
import { type GeneratedPiece, generateText } from './generate-text.js'
import { type Likelihood, scoreTokens } from './likelihood.js'
import { checkSaveOptions, checkSignal, type LoadModelOptions, type SaveOptions } from './load-options.js'
import { describeArtifact } from './model-artifact.js'
import { type ModelQuantization, restoredWeights, warn, withQuantization } from './model-quantization.js'
import { loadWeights, type ModelWeights } from './model-weights.js'
import type { OpenedModel } from './open-model.js'
import { readQuantize } from './quantize-argument.js'
import { createRunningWork } from './running-work.js'
import { untilAborted } from './until-aborted.js'

/**
 * A loaded decoder-only language model. Its graph is compiled on first use. `dispose` frees the session, its thread
 * and the open files; `await using` does so at the end of a block.
 */
export class CausalLM implements AsyncDisposable {
  #quantization: ModelQuantization | undefined
  #warnings: readonly string[]
  #opened: OpenedModel
  #weights: ModelWeights
  /** What quantizing and dequantizing made: earlier weights, and room for restored ones. */
  readonly #stores: Pick<TensorStore, 'release'>[] = []
  readonly #options: LoadModelOptions
  /** True after `dequantize`: the weights are no longer those of the files. */
  #isRestored = false
  #session: Promise<DecoderSession> | undefined
  #tokenizer: Promise<Tokenizer | undefined> | undefined
  readonly #work = createRunningWork()
  #changes: Promise<void> = Promise.resolve()
  #disposal: Promise<void> | undefined

  /** @internal */
  constructor(weights: ModelWeights, options: LoadModelOptions) {
    this.#opened = weights.opened
    this.#weights = weights
    this.#options = options
    this.#warnings = weights.warnings
    this.#quantization = weights.quantization
  }

  /** What became of the tensors of the checkpoint. */
  get loadingReport(): LoadingReport {
    return this.#weights.loaded.report
  }

  /** Things worth knowing that are no errors. */
  get warnings(): readonly string[] {
    return this.#warnings
  }

  /** Undefined for a float model. */
  get quantization(): ModelQuantization | undefined {
    return this.#quantization
  }

  /** config.json as it was read. */
  get config(): JsonObject {
    return this.#opened.configFile.value
  }

  /** Positions that the model was made for. */
  get contextLength(): number {
    return this.#opened.config.maxPositions
  }

  /**
   * Logits of every position of one or more sequences of equal length. Nothing is cached.
   *
   * @throws ConfigError for ragged or empty sequences, tokens outside of the vocabulary, or too many positions.
   */
  async forward(input: { readonly inputIds: readonly (readonly number[])[] }): Promise<ForwardResult> {
    const { inputIds } = input ?? {}
    const { config } = this.#opened
    checkBatch(inputIds, config)
    const session = await this.#open()
    const logits = await session.forward(Int32Array.from(inputIds.flat()), inputIds.length)
    return { logits, shape: [inputIds.length, inputIds[0]!.length, config.vocabSize] }
  }

  /**
   * Continues a prompt, token by token. Options left out come from generation_config.json. The event loop stays free,
   * and `signal` ends the generation between two tokens.
   *
   * @throws ConfigError for options, or a prompt that leaves no room in the context; the reason of `signal`.
   */
  async *generate(
    prompt: Prompt,
    options: GenerationOptions & { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<GeneratedPiece> {
    const { signal, ...settings } = options
    checkSignal(signal)
    signal?.throwIfAborted()
    const tokenizer = await this.tokenizer()
    const config = resolveGenerationConfig(
      await generationDefaults(this.#opened.folder, this.config),
      settings,
    )
    const promptIds = promptTokens(prompt, tokenizer)
    if (config.stop.length > 0) promptTokens(config.stop[0]!, tokenizer)
    checkTokens(promptIds, this.#opened.config)
    const budget = tokenBudget(config, promptIds.length, this.contextLength)
    const sequence = (await untilAborted(this.#open(), signal)).sequence()
    try {
      yield* generateText({
        sequence,
        promptIds,
        config,
        budget,
        signal,
        decoder: tokenizer?.createStreamDecoder(),
      })
    } finally {
      await sequence.free()
    }
  }

  /**
   * Loss of a text, read in windows of at most `maxLength` tokens that advance by `stride`: a small stride gives every
   * token more context, and takes longer.
   *
   * @throws ConfigError for fewer than two tokens, or a stride outside of 1 to maxLength.
   */
  async perplexity(
    text: Prompt,
    options: { readonly stride?: number; readonly maxLength?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Likelihood> {
    const ids = promptTokens(text, await this.tokenizer())
    return scoreTokens(ids, (inputIds) => this.forward({ inputIds }), {
      ...options,
      contextLength: this.contextLength,
    })
  }

  /** The tokenizer beside the weights; undefined when the folder has none. */
  tokenizer(): Promise<Tokenizer | undefined> {
    this.#tokenizer ??= findTokenizer(this.#opened.folder)
    return this.#tokenizer
  }

  /** Bytes of all parameters as they are stored: each tied one once. */
  memoryFootprint(): number {
    return this.#weights.parameterBytes()
  }

  /**
   * Writes the model folder in the layout that Python reads. The folder appears complete or not at all.
   *
   * @throws OutputError; CapabilityError when the method cannot be saved; the reason of `signal`.
   */
  async savePretrained(out: string, options: SaveOptions = {}): Promise<void> {
    checkSaveOptions(out, options)
    await this.#work.run(async () => {
      const signal = this.#signalWith(options.signal)
      const { shell } = await untilAborted(this.#weights.fill(this.#work.signal), signal)
      const { folder, configFile, dtype, quantizer } = this.#opened
      const { workers, maxInFlightBytes } = this.#options
      await using pool = createKernelPool(workers === undefined ? {} : { workers })
      const source = { sourceFolder: folder, config: configFile.document, dtype, quantizer }
      await saveModel(out, { ...source, ...options, signal, shell, pool, maxInFlightBytes })
    })
  }

  /**
   * Quantizes a loaded float model, from its files and as loading with the same configuration would have: no float copy
   * of a weight is made. A model that is quantized in this way already is left as it is.
   *
   * @param how "int8", or a configuration
   * @throws ConfigError for any other argument, and for a model that is quantized in another way; CapabilityError for one
   * that was dequantized; as `fromPretrained` with a `quantizationConfig`. The model is then what it was.
   */
  async quantize(
    how: 'int8' | QuantizationConfigInput | (string & {}) = 'int8',
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    checkSignal(options.signal)
    await this.#change(async () => {
      const supplied = await readQuantize(how)
      options.signal?.throwIfAborted()
      const { folder } = this.#opened
      const merged = await AutoQuantizer.merge(this.#quantization?.config, supplied)
      if (merged?.preQuantized) {
        confirmRecipe(merged, folder)
        this.#warnings = [...this.#warnings, ...warn(merged, [])]
        return
      }
      if (this.#isRestored) throw restoredWeights(folder)
      const signal = this.#signalWith(options.signal)
      const opened = withQuantization(this.#opened, merged!)
      const weights = await loadWeights(opened, { ...this.#options, signal })
      this.#warnings = [...this.#warnings, ...weights.warnings]
      this.#quantization = weights.quantization
      this.#opened = opened
      this.#stores.push(this.#weights)
      this.#weights = weights
      await this.#closeSession()
    })
  }

  /**
   * Makes this a float model: its weights become what the quantized ones stand for, in the dtype of the model. Saving
   * then writes a float checkpoint. A model that is not quantized is left as it is.
   */
  async dequantize(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkSignal(options.signal)
    await this.#change(async () => {
      if (this.#quantization === undefined) return
      const signal = this.#signalWith(options.signal)
      const { shell } = await untilAborted(this.#weights.fill(this.#work.signal), signal)
      const store = createScratchStore(cacheFolder())
      this.#stores.push(store)
      await dequantizeModel(shell, store, options.signal)
      this.#opened = { ...this.#opened, quantizer: undefined, merged: undefined }
      this.#quantization = undefined
      this.#isRestored = true
      await this.#closeSession()
    })
  }

  /** Ends what is under way, a save included, and frees the session, its thread and the open files. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#close()
    return this.#disposal
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  async #close(): Promise<void> {
    await this.#work.close()
    const session = await this.#session?.catch(() => undefined)
    await session?.close()
    for (const store of [...this.#stores, this.#weights]) store.release()
    await this.#opened.checkpoint.close()
  }

  /** Changes of the weights happen one after the other. */
  #change(work: () => Promise<void>): Promise<void> {
    const change = this.#work.run(() => this.#changes.then(work))
    this.#changes = change.catch(() => {})
    return change
  }

  /** The graph was made of other weights; the next use makes another. */
  async #closeSession(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await (await session?.catch(() => undefined))?.close()
  }

  /** Aborted by the caller, or when the model is disposed of. */
  #signalWith(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any([this.#work.signal, ...(signal === undefined ? [] : [signal])])
  }

  #open(): Promise<DecoderSession> {
    this.#work.checkOpen()
    this.#session ??= this.#work
      .run(() => this.#openSession())
      .catch((error) => {
        this.#session = undefined
        throw error
      })
    return this.#session
  }
  async #openSession(): Promise<DecoderSession> {
    const { compute = 'fast', memory = 'auto', threads, onProgress } = this.#options
    const { architecture, config } = this.#opened
    const { artifactKey, fill } = this.#weights
    // The compiled model stands for the weights of the files, not for restored ones.
    const key = this.#isRestored ? undefined : artifactKey
    const kept = key && (await openKept(key, config, threads))
    if (kept) return kept
    const { signal } = this.#work
    const { shell } = await fill(signal)
    const name = key && { key, description: describeArtifact(this.#opened, this.memoryFootprint()) }
    const source = { architecture, shell, config, compute, memory }
    return compile(source, name || undefined, { threads, onProgress, signal })
  }
}
