import { availableParallelism } from 'node:os'
import type { RuntimeError } from '@hfquant/core'
import type { TokenLogprobs } from '../sampling/log-probabilities.js'
import type { SequenceSettings } from '../sampling/sampler-config.js'
import type { FileMapping } from './mapped-file.js'
import type { CacheBytes, CacheShape, NextTokens } from './protocol.js'
import { NO_COUNTERS, type SessionCounters } from './session-counters.js'
import { openInWorker } from './session-worker-host.js'

/**
 * A compiled decoder in a worker thread; the calling thread stays free. Sequences that are extended at the same time
 * share runs, whatever their lengths, and begin and end independently of each other.
 */
export interface DecoderSession extends AsyncDisposable {
  /** Logits of every position of `batch` sequences of equal length: [batch, length, vocabulary]. */
  forward(ids: Int32Array, batch: number): Promise<Float32Array>
  /** A sequence without tokens. Its tokens are chosen in the session's thread, by a sampler of its own. */
  sequence(settings: SequenceSettings): SequenceHandle
  /**
   * How likely each token of a text is behind those before it, and the likeliest ones in its place: of every token but the
   * first. The text is read in parts of at most 256 tokens, and its logits stay in the session's thread.
   *
   * @throws SamplingError for logits that are NaN or infinite; RuntimeError CACHE_BUDGET_EXCEEDED for more than `longest`
   * tokens; the reason of `signal`.
   */
  score(ids: readonly number[], options?: ScoreOptions): Promise<readonly TokenLogprobs[]>
  /** Tokens that a sequence can have at most; Infinity where nothing limits the cache. */
  readonly longest: number
  /** What was done so far, as it was a quarter of a second ago at most; the thread tells it at most four times a second. */
  readonly counters: SessionCounters
  memoryUsage(): Promise<SessionMemory>
  /** @param reason of later calls to fail; default MODEL_DISPOSED. */
  close(reason?: RuntimeError): Promise<void>
}

/** What a session holds, in bytes. The runtime's own working memory is not in it: nothing tells that of one session. */
export interface SessionMemory {
  /** Size of the weights file on disk. The runtime maps the parts of it that its kernels read. */
  readonly fileSize: number
  /** Null where the system does not tell, zeros where nothing of the file is mapped. */
  readonly mapping: FileMapping | null
  readonly caches: CacheBytes
}

export interface ScoreOptions {
  /** Likeliest tokens to tell of in the place of each. Default 0. */
  readonly top?: number | undefined
  /** See SequenceSettings. */
  readonly scope?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface SequenceHandle {
  /**
   * Begins the sequence with these tokens, once there is room for it and it is its turn; `next([])` then chooses the token
   * after them. Without, the first `next` waits for room.
   *
   * A sequence that needs more room than there is may take that of others: of one that has not asked for a token for a
   * second, else of the one that got its room last. Such a one waits in front of all others, and is read again as it came:
   * the prompt as a prompt, and what was written token by token in that way, which sums in another order. So its logits are
   * the same to the bit, unless drafts were right, or it began with tokens that an earlier sequence had written.
   *
   * @returns how many of the tokens were cached.
   * @throws RuntimeError SEQUENCE_FREED once it is freed, CACHE_BUDGET_EXCEEDED for more than `longest` tokens.
   */
  admit(ids: readonly number[]): Promise<{ readonly cached: number }>
  /**
   * Appends tokens and chooses the one after them, which is not appended yet. Long prompts are read in parts, and what
   * another sequence has read already is not read again. Await one call before the next.
   *
   * A single token can come with a draft of what follows it, which is computed in the same run (Leviathan et al., "Fast
   * inference from transformers via speculative decoding"; Chen et al., "Accelerating large language model decoding with
   * speculative sampling"). A token is chosen behind each one as long as the choice is what the draft says: a draft says
   * one token with certainty, and then drawing from the model's distribution accepts it with that distribution's
   * probability, and draws from what is left otherwise. So choices, and random numbers, are those of single calls.
   *
   * @returns the chosen tokens, of which all but the last are appended, and how many of `ids` were cached.
   * @throws SamplingError for logits that leave no token to choose; RuntimeError SEQUENCE_FREED once it is freed,
   * SEQUENCE_GONE_ON for tokens that are not those it has gone on with; see SequenceSettings.endTokenIds. Errors come from
   * another thread, where classes do not survive: recognise them with `isInstance`, not with `instanceof`.
   */
  next(ids: readonly number[], draft?: readonly number[]): Promise<NextTokens>
  /** Ends the sequence; a call under way fails with SEQUENCE_FREED. */
  free(): Promise<void>
}

export interface SessionOptions {
  readonly modelPath: string
  readonly cache: CacheShape
  /** Threads of the runtime; default: one per core. */
  readonly threads?: number | undefined
  /** True for a compiled artifact, which the runtime optimized when it was made. */
  readonly optimized?: boolean | undefined
  /**
   * Bytes that keys and values may take, those of ended sequences and of free slots included. Default: what sequences need;
   * ended ones are then kept while all take less than 256 MiB.
   */
  readonly cacheBudget?: number | undefined
  /** Sequences that are read or continued at the same time; further ones wait. Default: any number. */
  readonly maxSequences?: number | undefined
}

/**
 * Opens a model file in a worker thread.
 *
 * @throws RuntimeError SESSION_FAILED with the runtime's own words.
 */
export async function openSession(options: SessionOptions): Promise<DecoderSession> {
  let counters = NO_COUNTERS
  const { modelPath, cache, threads = availableParallelism(), optimized = false } = options
  const { cacheBudget, maxSequences } = options
  const opening = { modelPath, cache, threads, optimized, cacheBudget, maxSequences }
  const { call, close, isClosed, weights, opened } = await openInWorker(
    { kind: 'open', ...opening },
    (told) => {
      counters = told
    },
  )
  const { longest } = opened
  let sequences = 0
  return {
    async forward(ids, batch) {
      const { logits } = await call({ kind: 'forward', ids, batch })
      return logits
    },
    sequence(config) {
      const sequence = ++sequences
      // Sent until the sequence has begun; of a larger object, nothing else.
      let sampling: SequenceSettings | undefined = sequenceSettings(config)
      return {
        async admit(ids) {
          const admitted = call({ kind: 'admit', sequence, ids: Int32Array.from(ids), sampling })
          sampling = undefined
          return admitted
        },
        async next(ids, draft = []) {
          const tokens = { ids: Int32Array.from(ids), draft: Int32Array.from(draft) }
          const chosen = await call({ kind: 'next', sequence, ...tokens, sampling })
          sampling = undefined
          return chosen
        },
        free: async () => {
          sampling = undefined
          if (!isClosed()) await call({ kind: 'free', sequence })
        },
      }
    },
    async score(ids, { top = 0, scope, signal } = {}) {
      signal?.throwIfAborted()
      const sequence = ++sequences
      const free = async () => {
        if (!isClosed()) await call({ kind: 'free', sequence })
      }
      const abort = () => void free().catch(() => {})
      signal?.addEventListener('abort', abort)
      try {
        const { scores } = await call({ kind: 'score', sequence, ids: Int32Array.from(ids), top, scope })
        return scores
      } catch (error) {
        signal?.throwIfAborted()
        throw error
      } finally {
        signal?.removeEventListener('abort', abort)
        await free()
      }
    },
    longest,
    get counters() {
      return counters
    },
    async memoryUsage() {
      const [{ cacheBytes }, mapping] = await Promise.all([call({ kind: 'cacheBytes' }), weights.mapping()])
      return { fileSize: weights.size, mapping, caches: cacheBytes }
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

function sequenceSettings(config: SequenceSettings): SequenceSettings {
  const { doSample, temperature, topK, topP, minP, repetitionPenalty, seed, rules } = config
  const {
    presencePenalty,
    frequencyPenalty,
    logitBias,
    grammar,
    logprobs,
    maxNewTokens,
    endTokenIds,
    scope,
  } = config
  return {
    ...{ doSample, temperature, topK, topP, minP, repetitionPenalty, seed, rules },
    ...{ presencePenalty, frequencyPenalty, logitBias, grammar, logprobs, maxNewTokens, endTokenIds, scope },
  }
}
