import type { Decoder } from './decoder.js'
import type { Sequence } from './sequences.js'

/**
 * Runs many sequences at once: those that wait for one token share a run, prompts are read in parts between these runs,
 * and sequences come and go at any time.
 */
export interface Scheduler {
  /**
   * Appends tokens to a sequence; an unknown number begins one. Returns the logits after the last token, [vocabulary].
   *
   * @throws Error when the sequence is freed before it is its turn.
   */
  append(sequence: number, ids: Int32Array): Promise<Float32Array>
  free(sequence: number): void
}

/** Tokens of a prompt that are read at once: more need more scratch memory, and let a cancelled call go on longer. */
const PROMPT_PART = 512
/** The same while other sequences wait for their next token. */
const SHARED_PROMPT_PART = 64

/** How long sequences that shared the last run are waited for: a second run takes far longer. */
const PATIENCE_MS = 2

interface Task {
  readonly number: number
  readonly sequence: Sequence
  rest: readonly number[]
  readonly resolve: (logits: Float32Array) => void
  readonly reject: (error: unknown) => void
}

export function createScheduler(decoder: Decoder): Scheduler {
  const sequences = new Map<number, Sequence>()
  /** What is to be computed, in the order in which it came. */
  const tasks = new Map<number, Task>()
  /** Sequences of the last shared run that have not been heard of since. */
  let expected = new Set<number>()
  let isWorking = false

  const work = async () => {
    isWorking = true
    await turn()
    while (tasks.size > 0) {
      await stragglers()
      await stepAll()
      await readPrompt()
      await turn()
    }
    isWorking = false
  }

  const stragglers = async () => {
    const until = performance.now() + PATIENCE_MS
    const isWaiting = () => [...expected].some((number) => sequences.has(number) && !tasks.has(number))
    while (waitingForOne().length > 0 && isWaiting() && performance.now() < until) await turn()
    expected = new Set()
  }

  const waitingForOne = () => [...tasks.values()].filter(({ rest }) => rest.length === 1)

  /** One token for everybody who waits for one. */
  const stepAll = async () => {
    const isUnderWay = (task: Task) => tasks.get(task.number) === task
    for (let waiting = waitingForOne(); waiting.length > 0; waiting = waiting.filter(isUnderWay)) {
      const tokens = new Map(waiting.map(({ sequence, rest }) => [sequence, rest[0]!]))
      try {
        const logits = await decoder.step(tokens)
        for (const task of waiting) {
          if (logits.has(task.sequence)) finish(task, logits.get(task.sequence)!)
        }
      } catch (error) {
        for (const task of waiting) fail(task, error)
      }
    }
  }

  /** One part of the prompt that has waited longest. */
  const readPrompt = async () => {
    const [task] = tasks.values()
    if (task === undefined) return
    const part = task.rest.slice(0, sequences.size > 1 ? SHARED_PROMPT_PART : PROMPT_PART)
    try {
      const logits = await decoder.append(task.sequence, part)
      task.rest = task.rest.slice(part.length)
      if (task.rest.length === 0) finish(task, logits)
    } catch (error) {
      fail(task, error)
    }
  }

  const finish = (task: Task, logits: Float32Array) => {
    tasks.delete(task.number)
    expected.add(task.number)
    task.resolve(logits)
  }
  const fail = (task: Task, error: unknown) => {
    tasks.delete(task.number)
    task.reject(error)
  }

  return {
    append: (number, ids) =>
      new Promise((resolve, reject) => {
        const known = sequences.get(number)
        const sequence = known ?? decoder.sequences.begin([...ids])
        sequences.set(number, sequence)
        const rest = [...ids].slice(known === undefined ? sequence.length : 0)
        tasks.set(number, { number, sequence, rest, resolve, reject })
        if (!isWorking) void work()
      }),
    free(number) {
      const task = tasks.get(number)
      const sequence = sequences.get(number)
      if (task !== undefined) fail(task, new Error('the sequence was freed'))
      if (sequence !== undefined) decoder.sequences.retire(sequence)
      sequences.delete(number)
    },
  }
}

/** Lets messages in. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
