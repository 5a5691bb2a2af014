/** Turns token ids into text while they are being generated. */
export interface StreamDecoder {
  /** Adds a token; returns the text that has become final, often one word, possibly empty. */
  push(id: number): string
  /** Returns what was held back, and makes the decoder ready for another sequence, which begins a text. */
  flush(): string
}

/** What a stream is decoded with. */
export interface StreamSource {
  decode(ids: readonly number[]): string
  /** True for an id that is a byte, whose text depends on the bytes that follow. */
  isByte(id: number): boolean
}

/** What an incomplete or invalid UTF-8 sequence decodes to. */
const replacementCharacter = '\uFFFD'

/** A character has at most four tokens; more pending ones than this mean invalid bytes, which may be given up. */
const MAX_PENDING_TOKENS = 8

/** Tokens of what comes before a stream that tell the decoder how to go on. */
const CONTEXT_TOKENS = 16

/**
 * Streams `decode` by decoding a small window: the tokens of the last finished piece, which tell the decoder whether
 * it stands at the beginning of the text, followed by those that are still pending. The new text is what the window
 * decodes to beyond what was emitted. A replacement character at the very end may still become a real character, so
 * it is held back, and so is a run of byte tokens, of which one bad byte spoils all. The text of `after` and all pieces
 * together equal `decode` of all ids.
 */
export function createStreamDecoder(
  { decode, isByte }: StreamSource,
  after: readonly number[] = [],
): StreamDecoder {
  let window: number[] = []
  let pendingFrom = 0 // index in window of the first token after the last finished piece
  let text = '' // decode(window)
  let emitted = 0 // characters of text that were handed out
  let held = 0 // bytes at the end of window that are not in text yet
  begin(contextOf(after))

  return {
    push(id) {
      window.push(id)
      if (isByte(id)) {
        held++
        return ''
      }
      held = 0
      return decodeWindow()
    },
    flush() {
      if (held > 0) text = decode(window)
      const rest = text.slice(emitted)
      begin([])
      return rest
    },
  }

  function decodeWindow(): string {
    const before = text
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
      const last = window.at(-1)!
      const alone = decode([last])
      if (before + alone === text) {
        restart([last])
        emitted = alone.length - 1
      }
    }
    return piece
  }

  function begin(ids: readonly number[]): void {
    restart([...ids])
    pendingFrom = window.length
    emitted = text.length
    held = 0
    for (let index = ids.length - 1; index >= 0 && isByte(ids[index]!); index--) held++
  }

  function restart(ids: number[]): void {
    window = ids
    pendingFrom = 0
    text = ids.length === 0 ? '' : decode(ids)
  }

  /** The last tokens; a run of bytes among them is not cut. */
  function contextOf(ids: readonly number[]): readonly number[] {
    let from = Math.max(0, ids.length - CONTEXT_TOKENS)
    while (from > 0 && isByte(ids[from]!)) from--
    return ids.slice(from)
  }
}
