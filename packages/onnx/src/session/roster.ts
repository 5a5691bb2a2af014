import { RuntimeError } from '@hfquant/core/errors'
import type { Chooser } from '../sampling/chooser.js'
import type { SequenceRoom } from './decoder.js'
import type { Sequence } from './sequences.js'

/** A sequence of the session, whether it has room or waits for it. */
export interface Member {
  readonly number: number
  /** Undefined for one whose tokens are only scored. */
  readonly choose: Chooser | undefined
  readonly scope: string | undefined
  /** Tokens that it has at most in the end. */
  readonly most: number
  /** Its tokens in the cache; undefined while it has no room. */
  sequence: Sequence | undefined
  /** Tokens behind those that are still to be computed. */
  unread: readonly number[]
  /** While it has no room, its `prompt` when it has; see Sequence. */
  prompt: number
  /** Of the tokens that it began with, those that were in the cache. */
  cached: number
  /** How often it gave up its room. */
  preemptions: number
  /** When it was last answered or got room, in the milliseconds of `performance`. */
  answered: number
  /** Whoever waits for it to have room. */
  admission: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined
}

export const newMember = (given: Pick<Member, 'number' | 'choose' | 'scope' | 'most'>): Member => ({
  ...given,
  ...{ sequence: undefined, unread: [], prompt: 0, cached: 0, preemptions: 0, admission: undefined },
  answered: Number.NEGATIVE_INFINITY,
})

/** Who has room in the cache, and who waits for it. To be changed between runs only, but for `leave`. */
export interface Roster {
  /** Puts a member in line, if it is not there yet: at the end, or in front if it had room before. */
  enter(member: Member): void
  /** Gives room to those in front of the line, as far as there is some, or others are paused. */
  admit(): void
  /** Sees to room for `count` more tokens. Others may lose theirs for it; false if the member itself did. */
  makeRoom(member: Member, count: number): boolean
  /** It is no longer here; what it has in the cache is retired by whoever knows that no run writes there. */
  leave(member: Member): void
  readonly running: readonly Member[]
  readonly waiting: number
}

export interface RosterOptions {
  readonly sequences: SequenceRoom
  /** Members that have room at the same time. */
  readonly maxSequences: number
  /** Whether a member waits for an answer. */
  isAsking(member: Member): boolean
  admitted(member: Member): void
  preempted(member: Member): void
  /** There is no memory for it. */
  failed(member: Member, error: unknown): void
}

/** Room that a member has for its new tokens from the beginning; further ones are taken as they come. */
const FIRST_TOKENS = 256

/** Who asked for nothing so long is paused: whoever reads the answer is slow, or will never read on. */
export const PAUSED_MS = 1000

/** Whether a member that asks for nothing has not done so for long. */
export const isPaused = ({ answered }: Member): boolean => performance.now() - answered >= PAUSED_MS

/** After so many times it gets all the room that it can need, and is left in peace. */
const MOST_PREEMPTIONS = 2

export function createRoster(options: RosterOptions): Roster {
  const { sequences, maxSequences, isAsking } = options
  /** In the order in which they were admitted. */
  let running: Member[] = []
  let line: Member[] = []

  const needOf = ({ unread, most, preemptions }: Member) =>
    preemptions < MOST_PREEMPTIONS ? Math.min(most, unread.length + FIRST_TOKENS) : most

  const preempt = (member: Member) => {
    const sequence = member.sequence!
    member.unread = [...sequence.tokens, ...member.unread]
    member.prompt = sequence.prompt
    member.sequence = undefined
    member.preemptions += 1
    sequences.retire(sequence)
    running = running.filter((other) => other !== member)
    // One that is paused gets in line when it asks for more.
    if (isAsking(member)) line.unshift(member)
    options.preempted(member)
  }

  /** Of those that ask for nothing, the one that has not done so for the longest time. */
  const slowest = () =>
    running
      .filter((one) => !isAsking(one) && isPaused(one))
      .sort((a, b) => a.answered - b.answered)
      .at(0)

  const victimFor = (member: Member) =>
    slowest() ?? running.filter(({ preemptions }) => preemptions < MOST_PREEMPTIONS).at(-1) ?? member

  /** Gives room to the first of the line; false where there is none. */
  const admitFirst = (): boolean => {
    const member = line[0]!
    const sequence = sequences.begin(member.unread, {
      ...{ scope: member.scope, reuse: member.choose !== undefined, prompt: member.prompt },
      room: Math.min(needOf(member), sequences.longest),
      // Growing takes room for a copy, which it had not.
      upFront: member.preemptions > 0,
    })
    if (sequence === undefined) {
      if (running.length > 0) return false
      throw budgetExceeded(member.unread.length, sequences.longest)
    }
    if (member.preemptions === 0) member.cached = sequence.length
    member.sequence = sequence
    member.answered = performance.now()
    member.unread = member.unread.slice(sequence.length)
    running.push(member)
    line.shift()
    options.admitted(member)
    return true
  }

  return {
    enter(member) {
      checkLength(member.unread.length, sequences.longest)
      if (line.includes(member)) return
      if (member.preemptions > 0) line.unshift(member)
      else line.push(member)
    },
    admit() {
      while (line.length > 0) {
        const member = line[0]!
        try {
          if (running.length < maxSequences && admitFirst()) continue
          const victim = slowest()
          if (victim === undefined) return
          preempt(victim)
        } catch (error) {
          line.shift()
          options.failed(member, error)
        }
      }
    },
    makeRoom(member, count) {
      checkLength(member.sequence!.length + count, sequences.longest)
      while (!sequences.reserve(member.sequence!, count)) {
        const victim = victimFor(member)
        preempt(victim)
        if (victim === member) return false
      }
      return true
    },
    leave(member) {
      running = running.filter((other) => other !== member)
      line = line.filter((other) => other !== member)
    },
    get running() {
      return running
    },
    get waiting() {
      return line.length
    },
  }
}

function checkLength(length: number, longest: number): void {
  if (length > longest) throw budgetExceeded(length, longest)
}

const budgetExceeded = (length: number, longest: number): RuntimeError =>
  new RuntimeError(
    'CACHE_BUDGET_EXCEEDED',
    `a sequence of ${length} tokens does not fit into the cache, which has room for ${longest}`,
    { found: length, expected: longest, hint: 'Shorten the prompt, or give keys and values more memory.' },
  )
