import { checkOptions, type JsonObject } from '@hfquant/core'
import { type CompiledGrammar, compileGrammar, type Vocabulary } from '@hfquant/grammar'
import {
  type DecoderSession,
  NO_COUNTERS,
  openSession,
  type SessionCounters,
  sequenceBytes,
} from '@hfquant/onnx'
import {
  type Drafter,
  type GenerationConfig,
  type GenerationOptions,
  promptLookupDrafter,
  resolveGenerationConfig,
  roomInCache,
  tokenBudget,
} from '../../generate/index.js'
import { cacheShapeOf } from '../../lower/lower-model.js'
import type { ChatMessage } from '../../tokenizer/index.js'
import { generationDefaults } from '../open/folder-files.js'
import { checkSignal, type LoadModelOptions } from '../open/load-options.js'
import { PretrainedModel } from '../shared/pretrained-model.js'
import { untilAborted } from '../shared/until-aborted.js'
import type { Weights } from '../weights/weights.js'
import { answerGrammar, createVocabularies, type GrammarOptions } from './answer-grammar.js'
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
import { checkAssistantOption, checkCallOptions, type GenerateOptions } from './generate-options.js'
import { type GeneratedPiece, generateText } from './generate-text.js'
import { type Likelihood, scoreTokens } from './likelihood.js'
import { checkScoreOptions, type ScoredToken, type ScoreTextOptions, scoredTokens } from './scored-tokens.js'

/**
 * A loaded decoder-only language model. Its graph is compiled on first use. `dispose` frees the session, its thread
 * and the open files; `await using` does so at the end of a block.
 */
export class CausalLM extends PretrainedModel<DecoderSession> {
  readonly #settingsNotMet: readonly string[]
  #generationDefaults: Promise<JsonObject> | undefined
  #vocabularies: ((endTokenIds: readonly number[]) => Vocabulary) | undefined

  /** @internal */
  constructor(weights: Weights, options: LoadModelOptions, settingsNotMet: readonly string[]) {
    super(weights, options, ({ model, cacheDtype }) => {
      const cache = cacheShapeOf(model, cacheDtype)
      const { kvCacheMemory: cacheBudget, maxSequences } = options
      return (file) => openSession({ ...file, cache, cacheBudget, maxSequences })
    })
    this.#settingsNotMet = settingsNotMet
  }

  override get warnings(): readonly string[] {
    return [...super.warnings, ...this.#settingsNotMet]
  }

  /** Positions that the model was made for. */
  get contextLength(): number {
    return this.opened.model.facts.maxPositions
  }

  /** What the model has done so far; as long as it has not been used, nothing. */
  get counters(): SessionCounters {
    return this.state.ready?.counters ?? NO_COUNTERS
  }

  /** Bytes of `kvCacheMemory` that a single sequence of so many tokens needs. */
  kvCacheBytes(tokens: number): number {
    const { model, cacheDtype } = this.opened
    return sequenceBytes(cacheShapeOf(model, cacheDtype), tokens)
  }

  /**
   * Logits of every position of one or more sequences of equal length. Nothing is cached.
   *
   * @throws ConfigError for ragged or empty sequences, tokens outside of the vocabulary, or too many positions.
   */
  async forward(input: { readonly inputIds: readonly TokenIds[] }): Promise<ForwardResult> {
    const { facts } = this.opened.model
    const inputIds = checkBatch(input?.inputIds, facts)
    const session = await this.state.session()
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
    checkOptions(options)
    const { signal, assistantModel, scope, onAdmitted, keptTokenIds, schema, grammar, ...settings } = options
    checkSignal(signal)
    checkCallOptions(options)
    signal?.throwIfAborted()
    const config = await this.generationConfig(settings)
    checkAssistantOption(assistantModel, CausalLM, settings)
    // Opened while the tokenizer is read.
    const opening = untilAborted(this.state.session(), signal)
    opening.catch(() => {})
    const tokenizer = await this.tokenizer()
    const promptIds = await promptTokens(prompt, tokenizer, { maxTokens: this.contextLength, signal })
    if (config.stop.length > 0 && tokenizer === undefined) throw tokenizerMissing()
    checkTokens(promptIds, this.opened.model.facts)
    const wanted = tokenBudget(config, promptIds.length, this.contextLength)
    const wantedGrammar = await this.#grammar({ schema, grammar }, config)
    const drafter = await untilAborted(
      this.#drafter(assistantModel, config.promptLookupNumTokens, scope),
      signal,
    )
    const session = await opening
    const budget = roomInCache(wanted, promptIds.length, {
      longest: session.longest,
      bytesOf: (tokens) => this.kvCacheBytes(tokens),
    })
    const { constraints, eosTokenIds } = config
    const rules = constraints && {
      ...constraints,
      ...{ eosTokenIds, promptLength: promptIds.length, maxLength: promptIds.length + budget },
    }
    const sequence = session.sequence({
      ...{ ...config, rules, maxNewTokens: budget, scope },
      grammar: wantedGrammar,
      // Drafts are made of the tokens that were chosen.
      endTokenIds: drafter === undefined ? eosTokenIds : undefined,
    })
    try {
      yield* generateText({
        sequence,
        promptIds,
        config,
        budget,
        drafter,
        onAdmitted,
        signal,
        decoder: tokenizer?.createStreamDecoder({ after: promptIds, keptTokenIds }),
      })
    } finally {
      await sequence.free()
    }
  }

  /**
   * What `generate` does with these options: they come over generation_config.json, and that over the defaults.
   *
   * @throws ConfigError for options, and for values of the file.
   */
  async generationConfig(options: GenerationOptions = {}): Promise<GenerationConfig> {
    return resolveGenerationConfig(await this.#generationSettings(), options)
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
   * How likely each token of a text is behind those before it, and the likeliest ones in its place: one entry for each token,
   * the first without numbers. Unlike `forward`, it needs no memory for the logits of the whole text.
   *
   * @throws ConfigError for `top`, or a text that has no tokens or does not fit the model; RuntimeError
   * CACHE_BUDGET_EXCEEDED for one that does not fit into `kvCacheMemory`; the reason of `signal`.
   */
  async score(text: Prompt, options: ScoreTextOptions = {}): Promise<readonly ScoredToken[]> {
    checkScoreOptions(options)
    const { signal } = options
    const ids = await promptTokens(text, await this.tokenizer(), { maxTokens: this.contextLength, signal })
    checkTokens(ids, this.opened.model.facts)
    const session = await untilAborted(this.state.session(), signal)
    return scoredTokens(ids, await session.score(ids, options))
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
    checkOptions(options, ['stride', 'maxLength', 'signal'])
    checkSignal(options.signal)
    const ids = await promptTokens(text, await this.tokenizer(), { signal: options.signal })
    return scoreTokens(ids, (inputIds) => this.forward({ inputIds }), {
      ...options,
      contextLength: this.contextLength,
    })
  }

  /**
   * What grammars for this model are compiled with, in this thread or another one: its tokens, which lie in shared memory.
   * Made once for each set of end tokens.
   *
   * @param endTokenIds default: those of generation_config.json.
   * @throws ConfigError TOKENIZER_MISSING.
   */
  async vocabulary(endTokenIds?: readonly number[]): Promise<Vocabulary> {
    const ends = endTokenIds ?? (await this.generationConfig()).eosTokenIds
    this.#vocabularies ??= createVocabularies(this.opened.model.facts, await this.tokenizer())
    return this.#vocabularies(ends)
  }

  async #grammar(options: GrammarOptions, config: GenerationConfig): Promise<CompiledGrammar | undefined> {
    const grammar = answerGrammar(options, config)
    if (grammar === undefined || 'automaton' in grammar) return grammar
    return compileGrammar(grammar, await this.vocabulary(config.eosTokenIds))
  }

  async #drafter(
    assistant: CausalLM | undefined,
    promptLookupNumTokens: number,
    scope: string | undefined,
  ): Promise<Drafter | undefined> {
    if (assistant === undefined) {
      return promptLookupNumTokens === 0 ? undefined : promptLookupDrafter(promptLookupNumTokens)
    }
    const { facts } = this.opened.model
    const { facts: assistantFacts } = assistant.opened.model
    const [tokenizer, assistantTokenizer] = await Promise.all([this.tokenizer(), assistant.tokenizer()])
    checkAssistant({ facts: assistantFacts, tokenizer: assistantTokenizer }, { facts, tokenizer })
    return assistantDrafter(await assistant.state.session(), assistantFacts, {
      vocabSize: facts.vocabSize,
      scope,
    })
  }

  #generationSettings(): Promise<JsonObject> {
    this.#generationDefaults ??= this.readBeside((folder) => generationDefaults(folder, this.config))
    return this.#generationDefaults
  }

  /** @internal */
  protected override filesBeside(): readonly Promise<unknown>[] {
    return [...super.filesBeside(), this.#generationSettings()]
  }
}
