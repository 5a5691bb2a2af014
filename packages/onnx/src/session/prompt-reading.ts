import { createPromptPace } from './prompt-pace.js'
import { isPaused, type Member } from './roster.js'
import type { RunContext } from './run-context.js'
import { SCORED_PART } from './scoring.js'
import { hasRoom, isPrompt, promptLeft, type Task } from './task.js'

/** @returns what reads one part of a prompt; who waits for one token meanwhile has the next run. */
export function createPromptReading({ decoder, roster, tasks, counters }: RunContext): () => Promise<void> {
  const pace = createPromptPace()
  let isTurnOfOldest = false

  const readPart = async () => {
    const task = promptInTurn()
    if (task === undefined) return
    const { member, scoring } = task
    try {
      if (!roster.makeRoom(member, member.unread.length)) return
      const part = member.unread.slice(0, partOf(task))
      const started = performance.now()
      const logits = await counters.run(() =>
        scoring === undefined
          ? decoder.append(member.sequence!, part)
          : scoring.read(part, (...run) => decoder.verify(member.sequence!, ...run)),
      )
      pace.record(part.length, performance.now() - started)
      counters.add('promptTokens', part.length)
      member.unread = member.unread.slice(part.length)
      if (member.unread.length > 0 || !tasks.isUnderWay(task)) return
      if (logits === undefined) tasks.score(task)
      else tasks.choose(task, logits)
    } catch (error) {
      tasks.fail(task, error)
    }
  }

  /** In turns the prompt that has waited longest, so that it comes to an end, and the one that is nearest to its own. */
  const promptInTurn = () => {
    const prompts = tasks.all.filter((task) => hasRoom(task) && isPrompt(task))
    const shortest = Math.min(...prompts.map(({ member }) => promptLeft(member)))
    isTurnOfOldest = !isTurnOfOldest
    return isTurnOfOldest ? prompts[0] : prompts.find(({ member }) => promptLeft(member) === shortest)
  }

  const partOf = ({ member, scoring }: Task) =>
    pace.partOf(promptLeft(member), {
      isShared: isAnybodyElseMaking(member),
      ...(scoring !== undefined && { most: SCORED_PART }),
    })

  const isAnybodyElseMaking = (member: Member) =>
    roster.running.some((other) => {
      const task = tasks.of(other)
      return other !== member && (task === undefined ? !isPaused(other) : !isPrompt(task))
    })

  return readPart
}
