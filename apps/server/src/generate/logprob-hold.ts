import type { GeneratedPiece } from 'hfquant'
import type { TokenLogprob } from './answer-parts.js'

/** Where a token was read, and what became content with it. */
interface ReadToken {
  /** Reasoning and calls have no log-probabilities. */
  readonly place: 'content' | 'elsewhere'
  readonly content: string
  readonly isLast: boolean
  readonly stopString: string | undefined
}

/**
 * Log-probabilities go with the text of their tokens, which may be held back; what a stop string cuts off, and end tokens,
 * have none.
 */
export function createLogprobHold(tokenBytes: (id: number) => Uint8Array) {
  let waiting: TokenLogprob[] = []
  /** Between reasoning and content, where white space is dropped. */
  let inGap = false
  return (piece: GeneratedPiece, token: ReadToken): readonly TokenLogprob[] => {
    const { tokenId, logprob, topLogprobs, finish } = piece
    if (logprob === undefined) return []
    const { place, content, isLast, stopString } = token
    const isEnd = finish === 'stop' && piece.stopString === undefined
    const isDropped = inGap && content === '' && /^\s+$/.test(piece.text)
    if (place === 'elsewhere') {
      // What waited was the beginning of a marker, or white space before it.
      waiting = []
      inGap = true
    } else if (!isEnd && !isDropped) waiting.push({ tokenId, logprob, top: topLogprobs ?? [] })
    if (content === '' && !isLast) return []
    inGap = false
    const released = waiting
    waiting = []
    return stopString === undefined ? released : withinText(released, content, tokenBytes)
  }
}

function withinText(
  tokens: readonly TokenLogprob[],
  content: string,
  tokenBytes: (id: number) => Uint8Array,
): readonly TokenLogprob[] {
  let room = Buffer.byteLength(content)
  const cut = tokens.findIndex(({ tokenId }) => {
    room -= tokenBytes(tokenId).length
    return room < 0
  })
  return cut < 0 ? tokens : tokens.slice(0, cut)
}
