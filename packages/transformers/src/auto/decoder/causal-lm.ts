import {
  folderIdentity,
  type JsonObject,
  type LoadingReport,
  type QuantizationConfigInput,
  readUnreplaced,
} from '@hfquant/core'
import {
  type Drafter,
  promptLookupDrafter,
  resolveGenerationConfig,
  tokenBudget,
} from '../../generate/index.js'
import type { ChatMessage, Tokenizer } from '../../tokenizer/index.js'
import { findTokenizer, generationDefaults } from '../open/folder-files.js'
import {
  checkSaveOptions,
  checkSignal,
  type LoadModelOptions,
  type SaveOptions,
} from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import type { ModelMemory } from '../shared/memory.js'
import { saveFilled } from '../shared/save.js'
import { createState, type State } from '../shared/state.js'
import { untilAborted } from '../shared/until-aborted.js'
import { dequantizeVersion, quantizeVersion } from '../shared/version.js'
import type { ModelQuantization } from '../weights/quantization.js'
import type { Weights } from '../weights/weights.js'
import { assistantDrafter, checkAssistant } from './assistant.js'
import { type ChatOptions, chatPrompt } from './chat-prompt.js'
import {
  checkBatch,
  checkTokens,
  type Prompt,
  promptTokens,
  type TokenIds,
  tokenizerMissing,
} from './check-tokens.js'
import type { ForwardResult } from './forward-result.js'
import { checkAssistantOption, type GenerateOptions } from './generate-options.js'
import { type GeneratedPiece, generateText } from './generate-text.js'
import { type Likelihood, scoreTokens } from './likelihood.js'

/**
 * A loaded decoder-only language model. Its graph is compiled on first use. `dispose` frees the session, its thread
 * and the open files; `await using` does so at the end of a block.
 */
export class CausalLM implements AsyncDisposable {
  readonly #state: State
  readonly #options: LoadModelOptions
  readonly #settingsNotMet: readonly string[]
  /** Of the folder that the model came from. A model that is saved there takes its place. */
  #folderIdentity: string | undefined
  #tokenizer: Promise<Tokenizer | undefined> | undefined
  #generationDefaults: Promise<JsonObject> | undefined
  #disposal: Promise<void> | undefined

  /** @internal */
  constructor(weights: Weights, options: LoadModelOptions, settingsNotMet: readonly string[]) {
    this.#state = createState(weights, options)
    this.#settingsNotMet = settingsNotMet
    this.#options = options
    this.#folderIdentity = weights.opened.folderIdentity
  }

  /** What became of the tensors of the checkpoint. */
  get loadingReport(): LoadingReport {
    return this.#state.version.weights.loaded.report
  }

  /** Things worth knowing that are no errors. */
  get warnings(): readonly string[] {
    return [...this.#state.version.warnings, ...this.#settingsNotMet]
  }

  /** Undefined for a float model. */
  get quantization(): ModelQuantization | undefined {
    return this.#state.version.quantization
  }

  /** config.json as it was read; of a model that sees or hears as well, that of its text model. */
  get config(): JsonObject {
    return this.#opened.configFile.value
  }

  /** Positions that the model was made for. */
  get contextLength(): number {
    return this.#opened.model.facts.maxPositions
  }

  /**
   * Logits of every position of one or more sequences of equal length. Nothing is cached.
   *
   * @throws ConfigError for ragged or empty sequences, tokens outside of the vocabulary, or too many positions.
   */
  async forward(input: { readonly inputIds: readonly TokenIds[] }): Promise<ForwardResult> {
    const { facts } = this.#opened.model
    const inputIds = checkBatch(input?.inputIds, facts)
    const session = await this.#state.session()
    const logits = await session.forward(Int32Array.from(inputIds.flat()), inputIds.length)
    return { logits, shape: [inputIds.length, inputIds[0]!.length, facts.vocabSize] }
  }

  /**
   * Continues a prompt, token by token. Options left out come from generation_config.json. The event loop stays free,
   * and `signal` ends the generation between two tokens.
   *
   * @throws ConfigError for options, an assistant with another vocabulary, or a prompt that leaves no room in the context;
   * RuntimeError MODEL_CHANGED when the model is quantized or dequantized meanwhile; the reason of `signal`.
   */
  async *generate(prompt: Prompt, options: GenerateOptions = {}): AsyncGenerator<GeneratedPiece> {
    const { signal, assistantModel, ...settings } = options
    checkSignal(signal)
    signal?.throwIfAborted()
    const config = resolveGenerationConfig(await this.#generationSettings(), settings)
    checkAssistantOption(assistantModel, CausalLM, settings)
    // Opened while the tokenizer is read.
    const opening = untilAborted(this.#state.session(), signal)
    opening.catch(() => {})
    const tokenizer = await this.tokenizer()
    const promptIds = await promptTokens(prompt, tokenizer, { maxTokens: this.contextLength, signal })
    if (config.stop.length > 0 && tokenizer === undefined) throw tokenizerMissing()
    checkTokens(promptIds, this.#opened.model.facts)
    const budget = tokenBudget(config, promptIds.length, this.contextLength)
    const drafter = await untilAborted(this.#drafter(assistantModel, config.promptLookupNumTokens), signal)
    const { constraints, eosTokenIds } = config
    const rules = constraints && {
      ...constraints,
      ...{ eosTokenIds, promptLength: promptIds.length, maxLength: promptIds.length + budget },
    }
    const sequence = (await opening).sequence({ ...config, rules })
    try {
      yield* generateText({
        sequence,
        promptIds,
        config,
        budget,
        drafter,
        signal,
        decoder: tokenizer?.createStreamDecoder({ after: promptIds }),
      })
    } finally {
      await sequence.free()
    }
  }

  /**
   * Answers a conversation, token by token: `generate` behind the chat template of the tokenizer. With
   * `continueFinalMessage` the answer goes on from the last message.
   *
   * @throws as `generate`; ChatTemplateError when there is no template, or it refuses the conversation.
   */
  async *chat(messages: readonly ChatMessage[], options: ChatOptions = {}): AsyncGenerator<GeneratedPiece> {
    yield* this.generate(...(await chatPrompt(messages, options, await this.tokenizer())))
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
    const ids = await promptTokens(text, await this.tokenizer(), { signal: options.signal })
    return scoreTokens(ids, (inputIds) => this.forward({ inputIds }), {
      ...options,
      contextLength: this.contextLength,
    })
  }

  async #drafter(
    assistant: CausalLM | undefined,
    promptLookupNumTokens: number,
  ): Promise<Drafter | undefined> {
    if (assistant === undefined) {
      return promptLookupNumTokens === 0 ? undefined : promptLookupDrafter(promptLookupNumTokens)
    }
    const { facts } = this.#opened.model
    const { facts: assistantFacts } = assistant.#opened.model
    const [tokenizer, assistantTokenizer] = await Promise.all([this.tokenizer(), assistant.tokenizer()])
    checkAssistant({ facts: assistantFacts, tokenizer: assistantTokenizer }, { facts, tokenizer })
    return assistantDrafter(await assistant.#state.session(), assistantFacts, facts.vocabSize)
  }

  /** The tokenizer beside the weights; undefined when the folder has none. */
  tokenizer(): Promise<Tokenizer | undefined> {
    this.#tokenizer ??= this.#readBeside(findTokenizer)
    return this.#tokenizer
  }

  #generationSettings(): Promise<JsonObject> {
    this.#generationDefaults ??= this.#readBeside((folder) => generationDefaults(folder, this.config))
    return this.#generationDefaults
  }

  /** Reads files beside the weights; those of another model that was put in their place are refused. */
  #readBeside<Result>(read: (folder: string) => Promise<Result>): Promise<Result> {
    const { folder } = this.#opened
    return readUnreplaced(folder, this.#folderIdentity, () => read(folder))
  }

  /** Bytes of all parameters as they are stored: each tied one once. */
  memoryFootprint(): number {
    return this.#state.version.weights.parameterBytes()
  }

  /** What this model takes at the moment, in bytes: in memory and in files, its own and shared. Compiles nothing. */
  memoryUsage(): Promise<ModelMemory> {
    return this.#state.memoryUsage()
  }

  /**
   * Writes the model folder in the layout that Python reads. The folder appears complete or not at all.
   *
   * @throws OutputError; CapabilityError when the method cannot be saved; the reason of `signal`.
   */
  async savePretrained(out: string, options: SaveOptions = {}): Promise<void> {
    checkSaveOptions(out, options)
    await this.#state.run(async (signal) => {
      const shell = await this.#state.fill(signal)
      const { workers, maxInFlightBytes } = this.#options
      const sourceIdentity = this.#folderIdentity
      const replacesSource = (await folderIdentity(out)) === sourceIdentity
      // What is read beside the weights is that of the files, whatever is saved.
      if (replacesSource) await Promise.allSettled([this.tokenizer(), this.#generationSettings()])
      await saveFilled(out, shell, this.#opened, {
        ...options,
        ...{ workers, maxInFlightBytes, sourceIdentity, signal },
      })
      if (replacesSource) this.#folderIdentity = await folderIdentity(this.#opened.folder)
    }, options.signal)
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
    await this.#state.change(
      (version, signal) => quantizeVersion(version, how, { ...this.#options, signal }),
      options.signal,
    )
  }

  /**
   * Makes this a float model: its weights become what the quantized ones stand for, in the dtype of the model. Saving
   * then writes a float checkpoint. A model that is not quantized is left as it is.
   */
  async dequantize(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkSignal(options.signal)
    await this.#state.change(
      (version, signal) => dequantizeVersion(version, () => this.#state.fill(signal), signal),
      options.signal,
    )
  }

  /** Ends what is under way, a save included, and frees the session, its thread and the open files. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#state.close()
    return this.#disposal
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  get #opened(): OpenedModel {
    return this.#state.version.opened
  }
}
