/** Turns token ids into text while they are being generated. */
export interface StreamDecoder {
  /** Adds a token; returns the text that has become final, often one word, possibly empty. */
  push(id: number): string
  /** Returns what was held back, and makes the decoder ready for another sequence. */
  flush(): string
}

/** What an incomplete or invalid UTF-8 sequence decodes to. */
const replacementCharacter = '\uFFFD'

/** A character has at most four tokens; more pending ones than this mean invalid bytes, which may be given up. */
const MAX_PENDING_TOKENS = 8

/**
 * Streams `decode` by decoding a small window: the tokens of the last finished piece, which tell the decoder whether
 * it stands at the beginning of the text, followed by those that are still pending. The new text is what the window
 * decodes to beyond what was emitted. A replacement character at the very end may still become a real character, so
 * it is held back; all pieces together equal `decode` of all ids.
 */
export function createStreamDecoder(decode: (ids: number[]) => string): StreamDecoder {
  let window: number[] = []
  let pendingFrom = 0 // index in window of the first token after the last finished piece
  let text = '' // decode(window)
  let emitted = 0 // characters of text that were handed out

  return {
    push(id) {
      const before = text
      window.push(id)
      text = decode(window)
      const unfinished = text.endsWith(replacementCharacter)
      const piece = text.slice(emitted, unfinished ? -1 : undefined)
      emitted += piece.length

      if (!unfinished && piece !== '') {
        restart(window.slice(pendingFrom))
        pendingFrom = window.length
        emitted = text.length
      } else if (unfinished && window.length - pendingFrom > MAX_PENDING_TOKENS) {
        // If the token says the same on its own, nothing before it can have been an incomplete character.
        const alone = decode([id])
        if (before + alone === text) {
          restart([id])
          emitted = alone.length - 1
        }
      }
      return piece
    },
    flush() {
      const rest = text.slice(emitted)
      restart([])
      emitted = 0
      return rest
    },
  }

  function restart(ids: number[]): void {
    window = ids
    pendingFrom = 0
    text = ids.length === 0 ? '' : decode(ids)
  }
}
