import { setTimeout as sleep } from 'node:timers/promises'
import {
  compileGrammar,
  compileVocabulary,
  findAnswerFormat,
  type GeneratedPiece,
  type GenerateOptions,
  HfquantError,
} from 'hfquant'
import type { LoadModel } from '../models/load-model.js'
import type { LoadedDecoder } from '../models/loaded-model.js'
import type { TextAnswers, TextJob } from '../text/protocol.js'

/** How a model without weights answers: prompts are their characters, answers are what the script says. */
export interface StubScript {
  /** Pieces of the answer, one for each token. Default: the letters of the alphabet, over and over. */
  readonly pieces?: readonly string[]
  /** Milliseconds before each token. */
  readonly delay?: number
  /** Thrown in place of the token of this number. */
  readonly failAt?: { readonly token: number; readonly error: Error }
  readonly contextLength?: number
  readonly chatTemplate?: string | undefined
  /** What the template writes behind the conversation. */
  readonly promptEnd?: string
  /** Takes the place of what the text threads do. */
  readonly onText?: (job: TextJob) => void
}

/** What a stub has seen. */
export interface StubWatch {
  /** Options of every generation, in their order. */
  readonly options: GenerateOptions[]
  readonly jobs: TextJob[]
  /** Of these, how many no queue bounds. */
  unqueued: number
  running: number
  disposed: number
}

const NO_COUNTERS: LoadedDecoder['generator']['counters'] = {
  ...{ running: 0, waiting: 0, promptTokens: 0, cachedTokens: 0, generatedTokens: 0 },
  ...{ runs: 0, runSeconds: 0, preemptions: 0 },
  cacheBytes: { active: 0, kept: 0, total: 0, budget: undefined },
}
/** Bytes, and an end. */
const VOCABULARY = compileVocabulary({
  size: 257,
  tokenBytes: (id) => (id < 256 ? Uint8Array.of(id) : undefined),
  endTokenIds: [256],
})
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

export function stubModel(script: StubScript = {}): { readonly load: LoadModel; readonly watch: StubWatch } {
  const watch: StubWatch = { options: [], jobs: [], unqueued: 0, running: 0, disposed: 0 }
  const contextLength = script.contextLength ?? 4096

  async function* generate(prompt: unknown, options: GenerateOptions = {}): AsyncGenerator<GeneratedPiece> {
    const promptTokens = (prompt as { inputIds: readonly number[] }).inputIds.length
    const { maxNewTokens = 20, signal } = options
    watch.options.push(options)
    options.onAdmitted?.({ cachedTokens: 0 })
    watch.running++
    try {
      for (let count = 1; ; count++) {
        if (script.delay !== undefined) await sleep(script.delay, undefined, { signal }).catch(() => {})
        signal?.throwIfAborted()
        if (script.failAt?.token === count) throw script.failAt.error
        const text = script.pieces === undefined ? LETTERS[(count - 1) % 26]! : script.pieces[count - 1]!
        const isLast = count === script.pieces?.length
        const finish = isLast ? 'stop' : count === maxNewTokens ? 'length' : undefined
        yield {
          text,
          tokenId: count,
          ...(options.logprobs !== undefined && {
            logprob: -count,
            topLogprobs: Array.from({ length: options.logprobs }, (_, index) => ({
              ...{ tokenId: index + 1, logprob: index === 0 ? -1 : Number.NEGATIVE_INFINITY },
            })),
          }),
          ...(finish && { finish, usage: { promptTokens, cachedTokens: 0, completionTokens: count } }),
        }
        if (finish) return
      }
    } finally {
      watch.running--
    }
  }

  const run = async (job: TextJob): Promise<TextAnswers[TextJob['kind']]> => {
    watch.jobs.push(job)
    script.onText?.(job)
    if (job.kind === 'grammar') return compileGrammar(job.source, VOCABULARY)
    if (job.kind === 'decode') return String.fromCodePoint(...job.ids)
    if (job.kind === 'tokens') return job.ids.map((id) => String.fromCodePoint(id))
    const text =
      job.kind === 'text'
        ? job.text
        : job.messages.map(({ role, content }) => `${role}: ${content}\n`).join('')
    return {
      ids: Array.from(text, (letter) => letter.codePointAt(0)!),
      ending: (text + (script.promptEnd ?? '')).slice(-64),
      prefix: undefined,
    }
  }
  const texts = {
    run: run as <Job extends TextJob>(job: Job) => Promise<TextAnswers[Job['kind']]>,
    runUnqueued: ((job) => {
      watch.unqueued++
      return run(job)
    }) as <Job extends TextJob>(job: Job) => Promise<TextAnswers[Job['kind']]>,
    close: async () => {},
  }
  const chatTemplate = 'chatTemplate' in script ? script.chatTemplate : '{{ messages }}'
  const load: LoadModel = async (plan) => decoder(plan, { isDisposed: false })
  const decoder = (plan: Parameters<LoadModel>[0], state: { isDisposed: boolean }): LoadedDecoder => ({
    ...{
      kind: 'decoder',
      contextLength,
      texts,
      quantization: null,
      bytes: 1e9,
      parameters: 1.1e9,
      dtype: 'bfloat16',
      fingerprint: 'hfq_000000000000',
      warnings: [],
    },
    generator: {
      ...{ contextLength, counters: NO_COUNTERS, dispose: async () => {} },
      async score(prompt, { top = 0 } = {}) {
        const { inputIds } = prompt as { readonly inputIds: readonly number[] }
        return inputIds.map((tokenId, index) =>
          index === 0
            ? { tokenId }
            : { tokenId, logprob: -index, topLogprobs: Array(top).fill({ tokenId, logprob: -index }) },
        )
      },
      generate(prompt, options) {
        if (state.isDisposed) throw new HfquantError('MODEL_DISPOSED', 'the model has been disposed of')
        return generate(prompt, options)
      },
    },
    defaults: { eosTokenIds: [1] },
    tokenBytes: (id) => Buffer.from(script.pieces?.[id - 1] ?? LETTERS[(id - 1) % 26]!),
    ...{ chatTemplate, format: findAnswerFormat(chatTemplate, undefined, plan) },
    compileGrammar: (source) => texts.run({ kind: 'grammar', source, endTokenIds: [256] }),
    async dispose() {
      state.isDisposed = true
      watch.disposed++
    },
  })
  return { load, watch }
}
