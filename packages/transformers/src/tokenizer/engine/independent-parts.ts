import { createPairTable } from './pair-table.js'
import { widthOf } from './pattern/character-set.js'
import { PAUSE_EVERY, type Steps } from './steps.js'

/** Cuts a piece into parts that are encoded on their own with the same tokens. */
export type PartSplitter = (piece: string) => Iterable<string>

/**
 * Where a text may be cut before its pairs are merged: between two characters that stand next to one another in no
 * merged token. No merge reaches across, and merges on either side do not know of one another, so the tokens are the
 * same; words then are words even where no pre-tokenizer made them, as with Llama 2. A character that is no token is
 * never cut off, since it may vanish or join the next one.
 */
export function* independentParts(
  merges: readonly (readonly [left: string, right: string])[],
  vocabulary: ReadonlyMap<string, number>,
): Steps<PartSplitter> {
  const inside = createPairTable(merges.length)
  // Pairs further inside were noted with the merges that made the two halves.
  let count = 0
  for (const [left, right] of merges) {
    inside.set(lastCharacter(left), right.codePointAt(0) ?? 0, 1)
    if (++count % PAUSE_EVERY === 0) yield
  }
  const known = new Set<number>()
  for (const token of vocabulary.keys()) {
    if (isOneCharacter(token)) known.add(token.codePointAt(0)!)
    if (++count % PAUSE_EVERY === 0) yield
  }

  return function* (piece) {
    let start = 0
    let before = -1
    for (let at = 0; at < piece.length; ) {
      const code = piece.codePointAt(at)!
      if (at > 0 && known.has(code) && known.has(before) && inside.get(before, code) === -1) {
        yield piece.slice(start, at)
        start = at
      }
      before = code
      at += widthOf(code)
    }
    yield piece.slice(start)
  }
}

function lastCharacter(text: string): number {
  const unit = text.charCodeAt(text.length - 1)
  return (unit & 0xfc00) === 0xdc00 && text.length > 1 ? text.codePointAt(text.length - 2)! : unit
}

function isOneCharacter(token: string): boolean {
  return token !== '' && widthOf(token.codePointAt(0)!) === token.length
}
