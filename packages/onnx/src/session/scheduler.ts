import { RuntimeError } from '@hfquant/core/errors'
import { type Choice, createChooser } from '../sampling/chooser.js'
import type { Decoder } from './decoder.js'
import { createPromptPace } from './prompt-pace.js'
import type { AdmitTokens, NextToken, NextTokens, ScoredTokens, ScoreTokens } from './protocol.js'
import { createRoster, isPaused, type Member, PAUSED_MS } from './roster.js'
import { createScoring, SCORED_PART } from './scoring.js'
import type { Sequence } from './sequences.js'
import { createCounterFeed, type SessionCounters } from './session-counters.js'
import { chooseAlong, hasRoom, isPrompt, type Task } from './task.js'

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

/** How long sequences that shared the last run are waited for: a second run takes far longer. */
const PATIENCE_MS = 2

export function createScheduler(decoder: Decoder, options: SchedulerOptions = {}): Scheduler {
  const { sequences } = decoder
  const { maxSequences = Number.POSITIVE_INFINITY, cacheBudget, onCounters = () => {} } = options
  const members = new Map<number, Member>()
  /** What is to be computed, in the order in which it came. */
  const tasks = new Map<number, Task>()
  /** Sequences of the last shared run that have not been heard of since. */
  let expected = new Set<number>()
  /** Ended sequences that a run may still write to. */
  let freed: Sequence[] = []
  let isWorking = false
  let isTurnOfOldest = false
  let again: NodeJS.Timeout | undefined
  const pace = createPromptPace()

  const roster = createRoster({
    ...{ sequences, maxSequences },
    isAsking: ({ number }) => tasks.has(number),
    admitted(member) {
      if (member.preemptions === 0) counters.add('cachedTokens', member.cached)
      tasks.get(member.number)?.scoring?.restart()
      member.admission?.resolve()
    },
    preempted: () => counters.add('preemptions', 1),
    failed: (member, error) => end(member, error),
  })
  const counters = createCounterFeed(() => {
    const { activeByteLength: active, keptByteLength: kept, byteLength: total } = sequences
    const cacheBytes = { active, kept, total, budget: cacheBudget }
    return { running: roster.running.length, waiting: roster.waiting, cacheBytes }
  }, onCounters)

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
      if (![...tasks.values()].some(hasRoom)) break
      counters.tell()
      await stragglers()
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

  const stragglers = async () => {
    const until = performance.now() + PATIENCE_MS
    const isWaiting = () => [...expected].some((number) => members.has(number) && !tasks.has(number))
    while (waitingForOne().length > 0 && isWaiting() && performance.now() < until) await turn()
    expected = new Set()
  }

  const isUnderWay = (task: Task) => tasks.get(task.member.number) === task
  const waitsForOne = (task: Task) => isUnderWay(task) && hasRoom(task) && !isPrompt(task)
  const waitingForOne = () => [...tasks.values()].filter(waitsForOne)

  /** One token for everybody who waits for one, in shared runs; behind a draft as many as it has right, in a run of its own. */
  const stepAll = async () => {
    const waiting = waitingForOne()
    await stepTogether(waiting.filter(({ draft }) => draft.length === 0))
    for (const task of waiting) {
      if (task.draft.length > 0 && waitsForOne(task)) await verify(task)
    }
  }

  const stepTogether = async (all: readonly Task[]) => {
    for (let waiting = withRoom(all); waiting.length > 0; waiting = withRoom(waiting)) {
      const tokens = new Map(waiting.map(({ member }) => [member.sequence!, member.unread[0]!]))
      try {
        const logits = await timed(() => decoder.step(tokens))
        for (const task of waiting) {
          const own = logits.get(task.member.sequence!)
          if (own === undefined || !isUnderWay(task)) continue
          task.member.unread = []
          finish(task, own)
          expected.add(task.member.number)
        }
      } catch (error) {
        for (const task of waiting) fail(task, error)
      }
    }
  }

  /** Those that still wait for one token and have room for theirs; room is made where it can be. */
  const withRoom = (all: readonly Task[]) => {
    for (const task of all) {
      try {
        if (waitsForOne(task)) roster.makeRoom(task.member, 1)
      } catch (error) {
        fail(task, error)
      }
    }
    return all.filter(waitsForOne)
  }

  const verify = async (task: Task) => {
    const { member, draft } = task
    // A guess is not worth anybody's room.
    if (!sequences.reserve(member.sequence!, 1 + draft.length)) {
      task.draft = []
      await stepTogether([task])
      return
    }
    let chosen: readonly Choice[] = []
    const tokens = [...member.unread, ...draft]
    try {
      await timed(() =>
        decoder.verify(member.sequence!, tokens, (logits) => {
          chosen = chooseAlong(task, logits)
          return chosen.length
        }),
      )
      member.unread = []
      succeed(task, chosen)
    } catch (error) {
      fail(task, error)
    }
  }

  /** One part of a prompt. Who has come meanwhile and waits for one token has the next run. */
  const readPrompt = async () => {
    const task = promptInTurn()
    if (task === undefined) return
    const { member, scoring } = task
    try {
      if (!roster.makeRoom(member, member.unread.length)) return
      const part = member.unread.slice(0, partOf(task))
      const started = performance.now()
      const logits = await timed(() =>
        scoring === undefined
          ? decoder.append(member.sequence!, part)
          : scoring.read(part, (...run) => decoder.verify(member.sequence!, ...run)),
      )
      pace.record(part.length, performance.now() - started)
      counters.add('promptTokens', part.length)
      member.unread = member.unread.slice(part.length)
      if (member.unread.length > 0 || !isUnderWay(task)) return
      if (logits === undefined) answer(task, { scores: scoring!.scores })
      else finish(task, logits)
    } catch (error) {
      fail(task, error)
    }
  }

  const partOf = ({ member, scoring }: Task) =>
    pace.partOf(member.unread.length, {
      isShared: isAnybodyElseMaking(member),
      ...(scoring !== undefined && { most: SCORED_PART }),
    })

  /** In turns the prompt that has waited longest, so that it comes to an end, and the one that is nearest to its own. */
  const promptInTurn = () => {
    const prompts = [...tasks.values()].filter((task) => hasRoom(task) && isPrompt(task))
    const shortest = Math.min(...prompts.map(({ member }) => member.unread.length))
    isTurnOfOldest = !isTurnOfOldest
    return isTurnOfOldest ? prompts[0] : prompts.find(({ member }) => member.unread.length === shortest)
  }

  const isAnybodyElseMaking = (member: Member) =>
    roster.running.some((other) => {
      const task = tasks.get(other.number)
      return other !== member && (task === undefined ? !isPaused(other) : !isPrompt(task))
    })

  const timed = async <T>(run: () => Promise<T>): Promise<T> => {
    const started = performance.now()
    const result = await run()
    counters.add('runs', 1)
    counters.add('runSeconds', (performance.now() - started) / 1000)
    return result
  }

  const finish = (task: Task, logits: Float32Array) => {
    try {
      succeed(task, [task.member.choose!(logits, task.member.sequence!.tokens)])
    } catch (error) {
      fail(task, error)
    }
  }
  const succeed = (task: Task, choices: readonly Choice[]) => {
    if (!isUnderWay(task)) return
    const tokens = choices.map(({ token }) => token)
    const logprobs = choices.flatMap(({ logprobs }) => logprobs ?? [])
    counters.add('generatedTokens', tokens.length)
    answer(task, { tokens, ...(logprobs.length > 0 && { logprobs }), cached: task.member.cached })
    task.member.cached = 0
  }
  const answer = (task: Task, answer: NextTokens | ScoredTokens) => {
    tasks.delete(task.member.number)
    task.member.answered = performance.now()
    task.resolve(answer as NextTokens & ScoredTokens)
  }
  const fail = (task: Task, error: unknown) => {
    if (isUnderWay(task)) tasks.delete(task.member.number)
    task.reject(error)
  }

  /** Leaves whoever waits for it with an error. */
  const end = (member: Member, error: unknown) => {
    const task = tasks.get(member.number)
    if (task !== undefined) fail(task, error)
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
      member.unread = tokens
      roster.enter(member)
    }
    members.set(member.number, member)
  }

  const ask = <Answer>(task: Omit<Task, 'resolve' | 'reject'>): Promise<Answer> =>
    new Promise((resolve, reject) => {
      tasks.set(task.member.number, { ...task, resolve: resolve as Task['resolve'], reject })
      wake()
    })

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

const newMember = (given: Pick<Member, 'number' | 'choose' | 'scope' | 'most'>): Member => ({
  ...given,
  ...{ sequence: undefined, unread: [], cached: 0, preemptions: 0, admission: undefined },
  answered: Number.NEGATIVE_INFINITY,
})

const sequenceFreed = (): RuntimeError =>
  new RuntimeError('SEQUENCE_FREED', 'the sequence has been freed', {
    hint: 'Free a sequence once its last token is there, and begin another for further ones.',
  })

/** Lets messages in. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
