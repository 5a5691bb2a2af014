import { GrammarError } from '../errors.js'
import type { Vocabulary } from '../vocabulary/vocabulary.js'
import { DEAD, type Position, type Positions } from './positions.js'

/** Masks that are kept of one grammar, 16 kB each at 128 k tokens; those used last. */
const MAX_MASKS = 256

/** Masks of one grammar: a bit for each token that may come at a position. Throws GRAMMAR_STUCK where none may. */
export function createMasks(positions: Positions, vocabulary: Vocabulary) {
  const masks = new Map<Position, Uint32Array>()
  let generation = positions.generation
  return (at: Position): Uint32Array => {
    if (generation !== positions.generation) masks.clear()
    generation = positions.generation
    const position = positions.canonical(at, vocabulary.longest)
    const known = masks.get(position)
    if (known !== undefined) {
      masks.delete(position)
      masks.set(position, known)
      return known
    }
    const mask = new Uint32Array(Math.ceil(vocabulary.size / 32))
    markTokens(mask, position, positions, vocabulary)
    for (const id of positions.tokens(position)) if (id < vocabulary.size) mark(mask, id)
    if (position.complete) markEnds(mask, vocabulary)
    if (mask.every((bits) => bits === 0)) throw stuck()
    if (masks.size >= MAX_MASKS) masks.delete(masks.keys().next().value!)
    masks.set(position, mask)
    return mask
  }
}

export function markEnds(mask: Uint32Array, { endTokenIds, size }: Vocabulary): void {
  for (const id of endTokenIds) if (id < size) mark(mask, id)
}

/** Walks the tree of tokens: where a byte is refused, everything below is skipped. */
function markTokens(mask: Uint32Array, start: Position, positions: Positions, vocabulary: Vocabulary): void {
  const { nodeBytes, nodeDepths, nodeEnds, nodeTokens, nextEqual, longest } = vocabulary
  const { classes } = positions
  const path: Position[] = new Array(longest + 1).fill(DEAD)
  path[0] = start
  for (let node = 0; node < nodeBytes.length; ) {
    const depth = nodeDepths[node]!
    const before = path[depth - 1]!
    const byte = nodeBytes[node]!
    const position = before.next[classes[byte]!] ?? positions.step(before, byte)
    if (position === DEAD) {
      node = nodeEnds[node]!
      continue
    }
    path[depth] = position
    for (let id = nodeTokens[node]!; id !== -1; id = nextEqual[id]!) mark(mask, id)
    node++
  }
}

function mark(mask: Uint32Array, id: number): void {
  mask[id >> 5]! |= 1 << (id & 31)
}

const stuck = () =>
  new GrammarError('GRAMMAR_STUCK', 'no token of the vocabulary goes on as the grammar demands', {
    hint: 'The vocabulary lacks bytes that the text needs, such as a bracket, or has no token that ends an answer.',
  })
