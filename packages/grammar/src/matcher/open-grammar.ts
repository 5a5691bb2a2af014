import { createHash } from 'node:crypto'
import { decodeAutomaton } from '../automaton/automaton.js'
import type { Vocabulary } from '../vocabulary/vocabulary.js'
import { createPositions, DEAD, type Position, type Positions } from './positions.js'
import { createMasks, markEnds } from './token-mask.js'

/** A grammar for one vocabulary, as it travels between threads: a message copies `automaton` and shares the vocabulary. */
export interface CompiledGrammar {
  readonly automaton: Uint8Array
  readonly vocabulary: Vocabulary
}

/** Follows one answer token by token. */
export interface GrammarMatcher {
  /**
   * The tokens that may come next: bit `id & 31` of element `id >> 5`. Ends are among them only where the grammar may end.
   * Shared with other matchers: not to be written to. Throws GrammarError: GRAMMAR_TOO_COMPLEX; GRAMMAR_STUCK if no token
   * may come, which a vocabulary without some bytes leads to.
   */
  mask(): Uint32Array
  /** Goes on by a token; false, and nothing changes, if it may not come. Throws GrammarError: GRAMMAR_TOO_COMPLEX. */
  accept(tokenId: number): boolean
  /** The text is complete and nothing but its end may follow, or the end has come. */
  readonly finished: boolean
  /** Another matcher at the same place. */
  clone(): GrammarMatcher
}

/** What all answers under one grammar share: positions and masks that were met already. */
interface OpenGrammar {
  readonly positions: Positions
  readonly vocabulary: Vocabulary
  readonly maskOf: (position: Position) => Uint32Array
}

/** Grammars of this thread that stay open, those used last: the next request often has the same schema. */
const MAX_OPEN = 8

const open = new Map<string, OpenGrammar>()

/** Opens a compiled grammar at its beginning. Throws GRAMMAR_INVALID for bytes that are none. */
export function openGrammar({ automaton, vocabulary }: CompiledGrammar): GrammarMatcher {
  const key = createHash('sha256').update(automaton).update(vocabulary.fingerprint).digest('base64url')
  const grammar = open.get(key) ?? prepare(automaton, vocabulary)
  open.delete(key)
  open.set(key, grammar)
  if (open.size > MAX_OPEN) open.delete(open.keys().next().value!)
  return createMatcher(grammar, grammar.positions.start, false)
}

function prepare(automaton: Uint8Array, vocabulary: Vocabulary): OpenGrammar {
  const positions = createPositions(decodeAutomaton(automaton))
  return { positions, vocabulary, maskOf: createMasks(positions, vocabulary) }
}

function createMatcher(grammar: OpenGrammar, start: Position, hasEnded: boolean): GrammarMatcher {
  const { positions, vocabulary, maskOf } = grammar
  const { tokenBytes, tokenOffsets, endTokenIds, size } = vocabulary
  let position = start
  let ended = hasEnded

  return {
    mask() {
      position = positions.begin(position)
      return ended ? onlyEnds(vocabulary) : maskOf(position)
    },
    accept(tokenId) {
      position = positions.begin(position)
      if (ended || !(tokenId >= 0 && tokenId < size)) return false
      if (endTokenIds.includes(tokenId)) {
        ended = position.complete
        return ended
      }
      const next = follow(tokenId)
      if (next === DEAD) return false
      position = next
      return true
    },
    get finished() {
      return ended || (position.complete && position.threads.length === 0)
    },
    clone: () => createMatcher(grammar, position, ended),
  }

  function follow(tokenId: number): Position {
    const asToken = positions.stepToken(position, tokenId)
    if (asToken !== DEAD) return asToken
    const end = tokenOffsets[tokenId + 1]!
    let next = position
    for (let at = tokenOffsets[tokenId]!; at < end && next !== DEAD; at++) {
      next = positions.step(next, tokenBytes[at]!)
    }
    // A token without bytes would go on for ever without getting anywhere.
    return end === tokenOffsets[tokenId] ? DEAD : next
  }
}

function onlyEnds(vocabulary: Vocabulary): Uint32Array {
  const mask = new Uint32Array(Math.ceil(vocabulary.size / 32))
  markEnds(mask, vocabulary)
  return mask
}
