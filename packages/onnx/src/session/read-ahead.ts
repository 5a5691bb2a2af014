import { RuntimeError } from '@hfquant/core/errors'
import type { SequenceSettings } from '../sampling/sampler-config.js'
import type { NextToken, NextTokens } from './protocol.js'
import type { Scheduler } from './scheduler.js'

/** Tokens that are chosen beyond the last one that was asked for. */
const MOST_AHEAD = 8

/** A sequence that goes on by itself. */
interface Ahead {
  readonly endTokenIds: ReadonlySet<number>
  /** What was not asked for yet, in its order; the last one may be under way. */
  readonly ready: Promise<NextTokens>[]
  /** Tokens that may still be chosen. */
  left: number
  /** The token that was chosen last. */
  last: number
  /** The last one that whoever asks was told. */
  told: number
  isOver: boolean
  isGoingOn: boolean
}

/**
 * Goes on with sequences that say where they end before their next token is asked for: whoever asks late, because its thread
 * is busy, does not keep those from computing that share its runs. Tokens, and what chooses them, are those of single calls;
 * what nobody asks for is forgotten with its sequence.
 */
export function createReadAhead(scheduler: Scheduler): Scheduler {
  const sequences = new Map<number, Ahead>()

  const begin = (number: number, settings: SequenceSettings | undefined) => {
    if (settings?.endTokenIds === undefined) return
    sequences.set(number, {
      ...{ endTokenIds: new Set(settings.endTokenIds), ready: [], last: 0, told: 0 },
      ...{ left: settings.maxNewTokens ?? Number.POSITIVE_INFINITY, isOver: false, isGoingOn: false },
    })
  }

  /** @returns the same answer, when it has been taken note of. */
  const noted = async (ahead: Ahead, answer: Promise<NextTokens>): Promise<NextTokens> => {
    try {
      const chosen = await answer
      ahead.last = chosen.tokens.at(-1)!
      ahead.left -= chosen.tokens.length
      ahead.isOver ||= ahead.left <= 0 || ahead.endTokenIds.has(ahead.last)
      return chosen
    } catch (error) {
      // Whoever asks for the token is told.
      ahead.isOver = true
      throw error
    }
  }

  const goOn = async (number: number, ahead: Ahead): Promise<void> => {
    if (ahead.isGoingOn) return
    ahead.isGoingOn = true
    while (!ahead.isOver && ahead.ready.length < MOST_AHEAD && sequences.get(number) === ahead) {
      const answer = noted(ahead, scheduler.next({ sequence: number, ids: Int32Array.of(ahead.last) }))
      ahead.ready.push(answer)
      await answer.catch(() => {})
    }
    ahead.isGoingOn = false
  }

  return {
    async next(request) {
      const { sequence: number, sampling } = request
      begin(number, sampling)
      const ahead = sequences.get(number)
      if (ahead === undefined) return scheduler.next(request)
      if (ahead.ready.length > 0) demandToken(ahead.told, request)
      const answer = ahead.ready.shift() ?? noted(ahead, scheduler.next(request))
      void answer.then(
        ({ tokens }) => {
          ahead.told = tokens.at(-1)!
          return goOn(number, ahead)
        },
        () => {},
      )
      return answer
    },
    async admit(request) {
      begin(request.sequence, request.sampling)
      return scheduler.admit(request)
    },
    score: (request) => scheduler.score(request),
    free(number) {
      sequences.delete(number)
      scheduler.free(number)
    },
  }
}

/** What stands behind the token is computed: it cannot follow anything else. */
function demandToken(expected: number, { ids, draft }: NextToken): void {
  if (ids.length === 1 && ids[0] === expected && !draft?.length) return
  const found = draft?.length ? 'a draft' : `the tokens [${ids.slice(0, 8).join(', ')}]`
  throw new RuntimeError(
    'SEQUENCE_GONE_ON',
    `the sequence has gone on with token ${expected}, and cannot go on with ${found}`,
    {
      ...{ found: [...ids], expected },
      hint: 'Ask with the token that was chosen last, or begin the sequence without endTokenIds.',
    },
  )
}
