import type { Choice } from '../sampling/chooser.js'
import type { Member } from './roster.js'
import type { RunContext } from './run-context.js'
import { chooseAlong, hasRoom, isDrafted, isPrompt, type Task } from './task.js'
import { turn } from './turn.js'

/** How long sequences that shared the last run are waited for: a second run takes far longer. */
const PATIENCE_MS = 2

/**
 * @returns what gives one token to everybody who waits for one, in shared runs; behind a draft as many as it has right, in
 * a run of its own.
 */
export function createSteps({ decoder, roster, tasks, counters }: RunContext): () => Promise<void> {
  /** Those of the last shared run. */
  let expected = new Set<Member>()

  const waitsForOne = (task: Task) => tasks.isUnderWay(task) && hasRoom(task) && !isPrompt(task)
  const waitingForOne = () => tasks.all.filter(waitsForOne)

  const stepAll = async () => {
    await stragglers()
    const waiting = waitingForOne()
    const drafted = waiting.filter(isDrafted)
    await stepTogether(waiting.filter((task) => !isDrafted(task)))
    for (const task of drafted) {
      if (waitsForOne(task)) await verify(task)
    }
  }

  /** Waits for those of the last run that have not been heard of since. */
  const stragglers = async () => {
    const until = performance.now() + PATIENCE_MS
    const isSilent = (member: Member) => expected.has(member) && tasks.of(member) === undefined
    while (waitingForOne().length > 0 && roster.running.some(isSilent) && performance.now() < until) {
      await turn()
    }
    expected = new Set()
  }

  /** One token each, in as many runs as it takes: a run has those whose caches can be read together. */
  const stepTogether = async (all: readonly Task[]) => {
    let left = withRoom(all)
    while (left.length > 0) {
      const stepped = await stepSome(left)
      left = withRoom(left.filter((task) => !stepped.has(task)))
    }
  }

  /** @returns those that were part of the run. */
  const stepSome = async (waiting: readonly Task[]): Promise<ReadonlySet<Task>> => {
    const tokens = new Map(waiting.map(({ member }) => [member.sequence!, member.unread[0]!]))
    const stepped = new Set<Task>()
    try {
      const logits = await counters.run(() => decoder.step(tokens))
      for (const task of waiting) {
        const own = logits.get(task.member.sequence!)
        if (own === undefined || !tasks.isUnderWay(task)) continue
        stepped.add(task)
        read(task, own)
      }
    } catch (error) {
      for (const task of waiting) tasks.fail(task, error)
    }
    return stepped
  }

  /** One of its tokens has been read, which is the last one unless it lost its room. */
  const read = (task: Task, logits: Float32Array) => {
    const { member } = task
    member.unread = member.unread.slice(1)
    if (member.unread.length > 0) counters.add('promptTokens', 1)
    else tasks.choose(task, logits)
    expected.add(member)
  }

  /** Those that still wait for one token and have room for theirs; room is made where it can be. */
  const withRoom = (all: readonly Task[]) => {
    for (const task of all) {
      try {
        if (waitsForOne(task)) roster.makeRoom(task.member, 1)
      } catch (error) {
        tasks.fail(task, error)
      }
    }
    return all.filter(waitsForOne)
  }

  const verify = async (task: Task) => {
    const { member, draft } = task
    // A guess is not worth anybody's room.
    if (!decoder.sequences.reserve(member.sequence!, 1 + draft.length)) {
      task.draft = []
      await stepTogether([task])
      return
    }
    let chosen: readonly Choice[] = []
    const tokens = [...member.unread, ...draft]
    try {
      await counters.run(() =>
        decoder.verify(member.sequence!, tokens, (logits) => {
          chosen = chooseAlong(task, logits)
          return chosen.length
        }),
      )
      member.unread = []
      tasks.succeed(task, chosen)
    } catch (error) {
      tasks.fail(task, error)
    }
  }

  return stepAll
}
