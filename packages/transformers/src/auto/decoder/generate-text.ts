import type { NextTokens, SequenceHandle, TokenLogprobs } from '@hfquant/onnx'
import {
  createDraftLength,
  createStopStrings,
  type Drafter,
  type GenerationConfig,
  type StopMatcher,
  type StopResult,
} from '../../generate/index.js'
import type { StreamDecoder } from '../../tokenizer/index.js'
import { untilAborted } from '../shared/until-aborted.js'
import type { GenerateOptions } from './generate-options.js'

/** One generated token; the end token is one, too. */
export interface GeneratedPiece {
  /** What the token adds to the answer; it may be empty, or complete earlier tokens. */
  readonly text: string
  readonly tokenId: number
  /**
   * Natural logarithm of the token's probability under the model's own logits, before any setting changed them; with
   * `logprobs`.
   */
  readonly logprob?: number
  /** The likeliest tokens in its place, the likeliest first, as many as `logprobs` says. */
  readonly topLogprobs?: readonly TokenProbability[]
  /** Why the answer ends here: of the last piece, and of no other. */
  readonly finish?: FinishReason
  /** The stop string that ended the answer: of the last piece, if there was one. */
  readonly stopString?: string
  /** Of the last piece, and of no other. */
  readonly usage?: GenerationUsage
}

export interface TokenProbability {
  readonly tokenId: number
  /** Natural logarithm. */
  readonly logprob: number
}

/** `stop`: an end token, or a stop string; `length`: as many tokens as there may be. */
export type FinishReason = 'stop' | 'length'

/** Tokens that an answer took. */
export interface GenerationUsage {
  readonly promptTokens: number
  /** Tokens of the prompt that were not read, because an earlier prompt or answer began alike. */
  readonly cachedTokens: number
  /** One for each piece, the end token included. */
  readonly completionTokens: number
}

export interface GenerationRun {
  readonly sequence: SequenceHandle
  readonly promptIds: readonly number[]
  readonly config: GenerationConfig
  /** New tokens at most. */
  readonly budget: number
  /** Undefined for a model without a tokenizer: pieces then have no text. */
  readonly decoder: StreamDecoder | undefined
  /** Undefined where every token is computed by itself. */
  readonly drafter: Drafter | undefined
  readonly onAdmitted: GenerateOptions['onAdmitted']
  readonly signal: AbortSignal | undefined
}

/** Chooses token after token until a stop string, an end token or the budget ends the answer. */
export async function* generateText(run: GenerationRun): AsyncGenerator<GeneratedPiece> {
  const { config, budget, decoder, promptIds, signal } = run
  const stops = createStopStrings(config.stop)
  let count = 0
  for await (const { tokenId, logprobs, cachedTokens } of chooseTokens(run)) {
    count += 1
    signal?.throwIfAborted()
    const ended = config.eosTokenIds.includes(tokenId)
    const found = stops.push(ended ? '' : (decoder?.push(tokenId) ?? ''))
    const isLast = ended || found.stop !== undefined || count === budget
    if (!isLast) {
      yield { text: found.emit, tokenId, ...probabilities(logprobs) }
      continue
    }
    const rest = found.stop === undefined ? flush(decoder, stops) : undefined
    const stopString = found.stop ?? rest?.stop
    yield {
      text: found.emit + (rest?.emit ?? ''),
      tokenId,
      ...probabilities(logprobs),
      finish: ended || stopString !== undefined ? 'stop' : 'length',
      ...(stopString !== undefined && { stopString }),
      usage: { promptTokens: promptIds.length, cachedTokens, completionTokens: count },
    }
    return
  }
}

/** What a piece says about how likely its token was. */
export const probabilities = (
  logprobs: TokenLogprobs | undefined,
): Pick<GeneratedPiece, 'logprob' | 'topLogprobs'> =>
  logprobs === undefined
    ? {}
    : {
        logprob: logprobs.logprob,
        topLogprobs: logprobs.top.map(([tokenId, logprob]) => ({ tokenId, logprob })),
      }

interface ChosenToken {
  readonly tokenId: number
  readonly logprobs: TokenLogprobs | undefined
  /** Of the prompt. */
  readonly cachedTokens: number
}

/** The tokens of an answer, `budget` of them; those of a run that accepts a draft come one after the other, too. */
async function* chooseTokens(run: GenerationRun): AsyncGenerator<ChosenToken> {
  const { sequence, promptIds, budget, drafter, onAdmitted, signal } = run
  const tokens = [...promptIds]
  const length = drafter && createDraftLength(drafter.longest)
  if (onAdmitted !== undefined) {
    const { cached } = await untilAborted(sequence.admit(promptIds), signal)
    onAdmitted({ cachedTokens: cached })
  }
  const rest = onAdmitted === undefined ? promptIds : []
  const first = await untilAborted(sequence.next(rest), signal)
  for (let chosen: NextTokens = first; ; ) {
    tokens.push(...chosen.tokens)
    for (const [index, tokenId] of chosen.tokens.entries()) {
      yield { tokenId, logprobs: chosen.logprobs?.[index], cachedTokens: first.cached }
    }
    // The run of a draft chooses one token more than the draft has.
    const left = promptIds.length + budget - tokens.length
    if (left === 0) return
    const most = Math.min(length?.most ?? 0, left - 1)
    const draft = most > 0 ? await drafter!.propose(tokens, most, signal) : []
    chosen = await sequence.next(tokens.slice(-1), draft)
    length?.record(draft.length, chosen.tokens.length - 1)
  }
}

/** Text that was held back because a character or a stop string might still have been completed. */
function flush(decoder: StreamDecoder | undefined, stops: StopMatcher): StopResult {
  const { emit, stop } = stops.push(decoder?.flush() ?? '')
  return { emit: stop === undefined ? emit + stops.flush() : emit, stop }
}
