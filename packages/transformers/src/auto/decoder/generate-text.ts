import type { SequenceHandle } from '@hfquant/onnx'
import { createStopStrings, type GenerationConfig } from '../../generate/index.js'
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
  readonly signal: AbortSignal | undefined
}

/** Chooses token after token until a stop string, an end token or the budget ends the answer. */
export async function* generateText(run: GenerationRun): AsyncGenerator<GeneratedPiece> {
  const { sequence, promptIds, config, budget, decoder, signal } = run
  const stops = createStopStrings(config.stop)
  let tokenId = await untilAborted(sequence.next(promptIds), signal)
  for (let count = 1; count <= budget; count++) {
    signal?.throwIfAborted()
    const ended = config.eosTokenIds.includes(tokenId)
    const { emit, stopped } = stops.push(ended ? '' : (decoder?.push(tokenId) ?? ''))
    const last = ended || stopped || count === budget
    const rest = last && !stopped ? finish(decoder, stops) : ''
    if (!ended || emit + rest !== '') yield { text: emit + rest, tokenId }
    if (last) return
    tokenId = await sequence.next([tokenId])
  }
}

/** Text that was held back because a character or a stop string might still have been completed. */
function finish(decoder: StreamDecoder | undefined, stops: ReturnType<typeof createStopStrings>): string {
  const { emit, stopped } = stops.push(decoder?.flush() ?? '')
  return stopped ? emit : emit + stops.flush()
}
