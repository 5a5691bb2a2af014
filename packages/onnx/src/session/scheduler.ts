import { RuntimeError } from '@hfquant/core/errors'
import { createChooser } from '../sampling/chooser.js'
import type { Decoder } from './decoder.js'
import { createPromptReading } from './prompt-reading.js'
import type { AdmitTokens, NextToken, NextTokens, ScoredTokens, ScoreTokens } from './protocol.js'
import { createRoster, type Member, newMember, PAUSED_MS } from './roster.js'
import { createScoring } from './scoring.js'
import type { Sequence } from './sequences.js'
import { createCounterFeed, type SessionCounters } from './session-counters.js'
import { createSteps } from './steps.js'
import { hasRoom } from './task.js'
import { createTasks } from './tasks.js'
import { turn } from './turn.js'

/**
 * Runs many sequences at once: those that wait for one token share a run, prompts are read in parts between these runs,
 * and sequences come and go at any time.
 */
export interface Scheduler {
  /**
   * Appends tokens to a sequence and chooses the one after them, with a sampler that belongs to the sequence, and further
   * ones as long as they are those of a draft; see SequenceHandle.next.
   *
   * @throws SamplingError; RuntimeError SEQUENCE_FREED when the sequence is freed before it is its turn, or was before,
   * CACHE_BUDGET_EXCEEDED for more tokens than the cache can hold.
   */
  next(request: NextToken): Promise<NextTokens>
  /** Begins a sequence, and answers when it has room; see SequenceHandle.admit. Throws as `next`. */
  admit(request: AdmitTokens): Promise<{ readonly cached: number }>
  /** How likely the tokens of a text are; see DecoderSession.score. Throws as `next`. */
  score(request: ScoreTokens): Promise<ScoredTokens>
  free(sequence: number): void
}

export interface SchedulerOptions {
  /** Sequences that have room at the same time; default: as many as there are. */
  readonly maxSequences?: number | undefined
  /** Bytes that caches may take, as the decoder has them. */
  readonly cacheBudget?: number | undefined
  readonly onCounters?: ((counters: SessionCounters) => void) | undefined
}

export function createScheduler(decoder: Decoder, options: SchedulerOptions = {}): Scheduler {
  const { sequences } = decoder
  const { maxSequences = Number.POSITIVE_INFINITY, cacheBudget, onCounters = () => {} } = options
  const members = new Map<number, Member>()
  /** Ended sequences that a run may still write to. */
  let freed: Sequence[] = []
  let isWorking = false
  let again: NodeJS.Timeout | undefined

  const counters = createCounterFeed(() => {
    const { activeByteLength: active, keptByteLength: kept, byteLength: total } = sequences
    const cacheBytes = { active, kept, total, budget: cacheBudget }
    return { running: roster.running.length, waiting: roster.waiting, cacheBytes }
  }, onCounters)
  const tasks = createTasks(counters)
  const roster = createRoster({
    ...{ sequences, maxSequences },
    isAsking: (member) => tasks.of(member) !== undefined,
    admitted(member) {
      if (member.preemptions === 0) counters.add('cachedTokens', member.cached)
      tasks.of(member)?.scoring?.restart()
      member.admission?.resolve()
    },
    preempted: () => counters.add('preemptions', 1),
    failed: (member, error) => end(member, error),
  })
  const stepAll = createSteps({ decoder, roster, tasks, counters })
  const readPrompt = createPromptReading({ decoder, roster, tasks, counters })

  const wake = () => {
    if (!isWorking) void work()
  }
  const work = async () => {
    isWorking = true
    clearTimeout(again)
    await turn()
    for (;;) {
      retireFreed()
      roster.admit()
      if (!tasks.all.some(hasRoom)) break
      counters.tell()
      await stepAll()
      await readPrompt()
      await turn()
    }
    isWorking = false
    counters.tell()
    // Somebody who has room may turn out to be paused.
    if (roster.waiting > 0) again = setTimeout(wake, PAUSED_MS).unref()
  }

  const retireFreed = () => {
    for (const sequence of freed) sequences.retire(sequence)
    freed = []
  }

  /** Leaves whoever waits for it with an error. */
  const end = (member: Member, error: unknown) => {
    const task = tasks.of(member)
    if (task !== undefined) tasks.fail(task, error)
    member.admission?.reject(error)
    roster.leave(member)
    members.delete(member.number)
  }

  const memberOf = (request: NextToken | AdmitTokens): Member => {
    const { sequence: number, ids, sampling } = request
    const known = members.get(number)
    if (known !== undefined) return known
    if (sampling === undefined) throw sequenceFreed()
    // First: where it fails, no sequence has begun that nobody would end.
    const choose = createChooser(sampling)
    const most = ids.length + (sampling.maxNewTokens ?? Number.POSITIVE_INFINITY)
    return newMember({ number, choose, scope: sampling.scope, most })
  }

  const append = (member: Member, ids: ArrayLike<number>) => {
    const tokens = [...member.unread, ...Array.from(ids)]
    if (member.sequence !== undefined) member.unread = sequences.extend(member.sequence, tokens)
    else {
      if (ids.length > 1 || member.unread.length === 0) member.prompt = tokens.length
      member.unread = tokens
      roster.enter(member)
    }
    members.set(member.number, member)
  }

  const ask = <Answer>(task: Parameters<typeof tasks.ask>[0]) => {
    const answer = tasks.ask<Answer>(task)
    wake()
    return answer
  }

  return {
    async next(request) {
      const member = memberOf(request)
      append(member, request.ids)
      // A draft stays within the positions of the sequence as it is.
      const room = member.sequence === undefined ? 0 : sequences.roomOf(member.sequence)
      const most = member.unread.length === 1 ? Math.max(room - 1, 0) : 0
      const draft = Array.from(request.draft ?? []).slice(0, most)
      return ask<NextTokens>({ member, draft, scoring: undefined })
    },
    async admit(request) {
      const member = memberOf(request)
      const admitted = new Promise<void>((resolve, reject) => {
        member.admission = { resolve, reject }
      })
      append(member, request.ids)
      if (member.sequence !== undefined) return { cached: 0 }
      wake()
      await admitted
      return { cached: member.cached }
    },
    async score({ sequence: number, ids, top, scope }) {
      const member = newMember({ number, choose: undefined, scope, most: ids.length })
      append(member, ids)
      return ask<ScoredTokens>({ member, draft: [], scoring: createScoring(Array.from(ids), top) })
    },
    free(number) {
      const member = members.get(number)
      if (member === undefined) return
      end(member, sequenceFreed())
      if (member.sequence !== undefined) freed.push(member.sequence)
      if (isWorking) return
      retireFreed()
      wake()
    },
  }
}

const sequenceFreed = (): RuntimeError =>
  new RuntimeError('SEQUENCE_FREED', 'the sequence has been freed', {
    hint: 'Free a sequence once its last token is there, and begin another for further ones.',
  })
