import type { Choice } from '../sampling/chooser.js'
import type { NextTokens, ScoredTokens } from './protocol.js'
import type { Member } from './roster.js'
import type { CounterFeed } from './session-counters.js'
import type { Task } from './task.js'

/** What members ask for: each of them one thing at a time, until it is answered. */
export interface Tasks {
  /** In the order in which they came. */
  readonly all: readonly Task[]
  of(member: Member): Task | undefined
  /** Whether it is still waited for: a sequence may be freed during a run. */
  isUnderWay(task: Task): boolean
  /** Resolves when one of the following answers it. */
  ask<Answer>(task: Omit<Task, 'resolve' | 'reject'>): Promise<Answer>
  /** Answers with the token that is chosen after some logits, or with why there is none. */
  choose(task: Task, logits: Float32Array): void
  /** Answers with tokens that have been chosen. */
  succeed(task: Task, choices: readonly Choice[]): void
  /** Answers with the scores of a text that has been read. */
  score(task: Task): void
  fail(task: Task, error: unknown): void
}

export function createTasks(counters: CounterFeed): Tasks {
  const tasks = new Map<Member, Task>()

  const isUnderWay = (task: Task) => tasks.get(task.member) === task

  const answer = (task: Task, answer: NextTokens | ScoredTokens) => {
    tasks.delete(task.member)
    task.member.answered = performance.now()
    task.resolve(answer as NextTokens & ScoredTokens)
  }
  const succeed = (task: Task, choices: readonly Choice[]) => {
    if (!isUnderWay(task)) return
    const tokens = choices.map(({ token }) => token)
    const logprobs = choices.flatMap(({ logprobs }) => logprobs ?? [])
    counters.add('generatedTokens', tokens.length)
    answer(task, { tokens, ...(logprobs.length > 0 && { logprobs }), cached: task.member.cached })
    task.member.cached = 0
  }
  const fail = (task: Task, error: unknown) => {
    if (isUnderWay(task)) tasks.delete(task.member)
    task.reject(error)
  }

  return {
    get all() {
      return [...tasks.values()]
    },
    of: (member) => tasks.get(member),
    isUnderWay,
    ask: (task) =>
      new Promise((resolve, reject) => {
        tasks.set(task.member, { ...task, resolve: resolve as Task['resolve'], reject })
      }),
    choose(task, logits) {
      try {
        succeed(task, [task.member.choose!(logits, task.member.sequence!.tokens)])
      } catch (error) {
        fail(task, error)
      }
    },
    succeed,
    score: (task) => answer(task, { scores: task.scoring!.scores }),
    fail,
  }
}
