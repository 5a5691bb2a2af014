import type { SequenceHandle } from '@hfquant/onnx'
import {
  createDraftLength,
  createStopStrings,
  type Drafter,
  type GenerationConfig,
} from '../../generate/index.js'
import type { StreamDecoder } from '../../tokenizer/index.js'
import { untilAborted } from '../shared/until-aborted.js'

/** One generated token. `text` is what it adds to the answer; it may be empty, or complete earlier tokens. */
export interface GeneratedPiece {
  readonly text: string
  readonly tokenId: number
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
  readonly signal: AbortSignal | undefined
}

/** Chooses token after token until a stop string, an end token or the budget ends the answer. */
export async function* generateText(run: GenerationRun): AsyncGenerator<GeneratedPiece> {
  const { config, budget, decoder, signal } = run
  const stops = createStopStrings(config.stop)
  let count = 0
  for await (const tokenId of chooseTokens(run)) {
    count += 1
    signal?.throwIfAborted()
    const ended = config.eosTokenIds.includes(tokenId)
    const { emit, stopped } = stops.push(ended ? '' : (decoder?.push(tokenId) ?? ''))
    const last = ended || stopped || count === budget
    const rest = last && !stopped ? finish(decoder, stops) : ''
    if (!ended || emit + rest !== '') yield { text: emit + rest, tokenId }
    if (last) return
  }
}

/** The tokens of an answer, `budget` of them; those of a run that accepts a draft come one after the other, too. */
async function* chooseTokens(run: GenerationRun): AsyncGenerator<number> {
  const { sequence, promptIds, budget, drafter, signal } = run
  const tokens = [...promptIds]
  const length = drafter && createDraftLength(drafter.longest)
  let chosen = await untilAborted(sequence.next(promptIds), signal)
  for (;;) {
    tokens.push(...chosen)
    yield* chosen
    // The run of a draft chooses one token more than the draft has.
    const left = promptIds.length + budget - tokens.length
    if (left === 0) return
    const most = Math.min(length?.most ?? 0, left - 1)
    const draft = most > 0 ? await drafter!.propose(tokens, most, signal) : []
    chosen = await sequence.next(tokens.slice(-1), draft)
    length?.record(draft.length, chosen.length - 1)
  }
}

/** Text that was held back because a character or a stop string might still have been completed. */
function finish(decoder: StreamDecoder | undefined, stops: ReturnType<typeof createStopStrings>): string {
  const { emit, stopped } = stops.push(decoder?.flush() ?? '')
  return stopped ? emit : emit + stops.flush()
}
