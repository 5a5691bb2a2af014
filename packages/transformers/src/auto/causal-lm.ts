import { access } from 'node:fs/promises'
import { join } from 'node:path'
import {
  cacheFolder,
  createScratchStore,
  dequantizeModel,
  type JsonObject,
  type LoadedModel,
  type LoadingReport,
  readJsonFile,
  saveModel,
  stateDict,
  type TensorStore,
} from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import type { DecoderSession } from '@hfquant/onnx'
import { type GenerationOptions, resolveGenerationConfig, tokenBudget } from '../generate/index.js'
import { AutoTokenizer, type Tokenizer } from '../tokenizer/index.js'
import { checkBatch, checkTokens, type Prompt, promptTokens } from './check-tokens.js'
import { compile } from './compile.js'
import { type GeneratedPiece, generateText } from './generate-text.js'
import { type Likelihood, scoreTokens } from './likelihood.js'
import { checkSaveOptions, checkSignal, type LoadModelOptions, type SaveOptions } from './load-options.js'
import type { OpenedModel } from './open-model.js'
import { createRunningWork } from './running-work.js'
import { untilAborted } from './until-aborted.js'

/** How a loaded model is quantized, and what became of a configuration that was supplied for it. */
export interface ModelQuantization {
  /** `quant_method` */
  readonly method: string
  /** The resolved configuration, as config.json holds it. */
  readonly config: JsonObject
  /** Keys of the saved configuration that the caller changed. */
  readonly overridden: readonly string[]
  /** Keys that the caller set without effect. */
  readonly ignored: readonly string[]
  readonly skipped: readonly { readonly module: string; readonly reason: string }[]
}

/** Logits of a forward pass: row-major, shape [batch, sequence, vocabulary]. */
export interface ForwardResult {
  readonly logits: Float32Array
  readonly shape: readonly [batch: number, sequence: number, vocabulary: number]
}

/**
 * A loaded decoder-only language model. Its graph is compiled on first use. `dispose` frees the session, its thread
 * and the open files; `await using` does so at the end of a block.
 */
export class CausalLM implements AsyncDisposable {
  readonly loadingReport: LoadingReport
  /** Things worth knowing that are no errors. */
  readonly warnings: readonly string[]
  #quantization: ModelQuantization | undefined
  #opened: OpenedModel
  readonly #loaded: LoadedModel
  /** The first holds what was made while loading; dequantizing adds one. */
  readonly #stores: TensorStore[]
  readonly #options: LoadModelOptions
  #session: Promise<DecoderSession> | undefined
  #tokenizer: Promise<Tokenizer | undefined> | undefined
  readonly #work = createRunningWork()
  #disposal: Promise<void> | undefined

  /** @internal */
  constructor(opened: OpenedModel, loaded: LoadedModel, store: TensorStore, options: LoadModelOptions) {
    this.#opened = opened
    this.#loaded = loaded
    this.#stores = [store]
    this.#options = options
    this.loadingReport = loaded.report
    this.warnings = warningsOf(opened, loaded)
    const { merged, quantizer } = opened
    if (merged !== undefined && quantizer !== undefined) {
      this.#quantization = {
        method: merged.method,
        config: quantizer.config.toDict(),
        overridden: merged.overridden,
        ignored: merged.ignored,
        skipped: loaded.quantization?.skipped ?? [],
      }
    }
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
    const config = resolveGenerationConfig(await this.#generationDefaults(), settings)
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
    this.#tokenizer ??= exists(join(this.#opened.folder, 'tokenizer.json')).then((found) =>
      found ? AutoTokenizer.fromPretrained(this.#opened.folder) : undefined,
    )
    return this.#tokenizer
  }

  /** Bytes of all parameters as they are stored: each tied one once. */
  memoryFootprint(): number {
    return stateDict(this.#loaded.shell).reduce((sum, { parameter }) => sum + parameter.byteLength, 0)
  }

  /**
   * Writes the model folder in the layout that Python reads. The folder appears complete or not at all.
   *
   * @throws OutputError; CapabilityError when the method cannot be saved; the reason of `signal`.
   */
  async savePretrained(out: string, options: SaveOptions = {}): Promise<void> {
    checkSaveOptions(out, options)
    await this.#work.run(async () => {
      const { shell } = this.#loaded
      const { folder, configFile, dtype, quantizer } = this.#opened
      const { workers, maxInFlightBytes } = this.#options
      await using pool = createKernelPool(workers === undefined ? {} : { workers })
      const source = { sourceFolder: folder, config: configFile.document, dtype, quantizer }
      const signal = AbortSignal.any([
        this.#work.signal,
        ...(options.signal === undefined ? [] : [options.signal]),
      ])
      await saveModel(out, { ...source, ...options, signal, shell, pool, maxInFlightBytes })
    })
  }

  /**
   * Makes this a float model: its weights become what the quantized ones stand for, in the dtype of the model. Saving
   * then writes a float checkpoint. A model that is not quantized is left as it is.
   */
  async dequantize(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkSignal(options.signal)
    await this.#work.run(async () => {
      if (this.#quantization === undefined) return
      const store = createScratchStore(cacheFolder())
      this.#stores.push(store)
      await dequantizeModel(this.#loaded.shell, store, options.signal)
      this.#opened = { ...this.#opened, quantizer: undefined, merged: undefined }
      this.#quantization = undefined
      const session = this.#session
      this.#session = undefined
      await (await session?.catch(() => undefined))?.close()
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
    for (const store of this.#stores) store.release()
    await this.#opened.checkpoint.close()
  }

  #open(): Promise<DecoderSession> {
    this.#work.checkOpen()
    const { compute = 'fast', memory = 'auto', threads, onProgress } = this.#options
    const { architecture, config } = this.#opened
    const settings = { compute, memory, threads, onProgress, signal: this.#work.signal }
    this.#session ??= this.#work
      .run(() => compile(architecture, this.#loaded.shell, config, settings))
      .catch((error) => {
        this.#session = undefined
        throw error
      })
    return this.#session
  }

  async #generationDefaults(): Promise<JsonObject> {
    const path = join(this.#opened.folder, 'generation_config.json')
    const file = (await exists(path)) ? (await readJsonFile(path)).value : {}
    const { eos_token_id, bos_token_id, pad_token_id } = this.config
    return { ...dropUndefined({ eos_token_id, bos_token_id, pad_token_id }), ...file }
  }
}

function warningsOf({ merged }: OpenedModel, { warnings }: LoadedModel): readonly string[] {
  const ignored = (merged?.ignored ?? []).map(
    (key) => `${key} was ignored: the checkpoint is quantized with another value`,
  )
  const all = [...warnings, ...ignored]
  for (const warning of all) process.emitWarning(warning, 'HfquantWarning')
  return all
}

const dropUndefined = (values: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null))

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
