import { RuntimeError } from '@hfquant/core/errors'
import { type Choice, type Chooser, createChooser } from '../sampling/chooser.js'
import type { Decoder } from './decoder.js'
import type { NextToken, NextTokens } from './protocol.js'
import type { Sequence } from './sequences.js'

/**
 * Runs many sequences at once: those that wait for one token share a run, prompts are read in parts between these runs,
 * and sequences come and go at any time.
 */
export interface Scheduler {
  /**
   * Appends tokens to a sequence and chooses the one after them, with a sampler that belongs to the sequence, and further
   * ones as long as they are those of a draft; see SequenceHandle.next.
   *
   * @throws SamplingError; RuntimeError SEQUENCE_FREED when the sequence is freed before it is its turn, or was before.
   */
  next(request: NextToken): Promise<NextTokens>
  free(sequence: number): void
}

/** Tokens of a prompt that are read at once: more need more scratch memory, and let a cancelled call go on longer. */
const PROMPT_PART = 512
/** The same while other sequences wait for their next token. */
const SHARED_PROMPT_PART = 64

/** How long sequences that shared the last run are waited for: a second run takes far longer. */
const PATIENCE_MS = 2

interface Active {
  readonly sequence: Sequence
  readonly choose: Chooser
}

interface Task extends Active {
  readonly number: number
  rest: readonly number[]
  readonly cached: number
  readonly draft: readonly number[]
  readonly resolve: (chosen: NextTokens) => void
  readonly reject: (error: unknown) => void
}

export function createScheduler(decoder: Decoder): Scheduler {
  const sequences = new Map<number, Active>()
  /** What is to be computed, in the order in which it came. */
  const tasks = new Map<number, Task>()
  /** Sequences of the last shared run that have not been heard of since. */
  let expected = new Set<number>()
  /** Ended sequences that a run may still write to. */
  let freed: Sequence[] = []
  let isWorking = false

  const work = async () => {
    isWorking = true
    await turn()
    while (tasks.size > 0) {
      await stragglers()
      await stepAll()
      await readPrompt()
      retireFreed()
      await turn()
    }
    isWorking = false
    retireFreed()
  }

  const retireFreed = () => {
    for (const sequence of freed) decoder.sequences.retire(sequence)
    freed = []
  }

  const stragglers = async () => {
    const until = performance.now() + PATIENCE_MS
    const isWaiting = () => [...expected].some((number) => sequences.has(number) && !tasks.has(number))
    while (waitingForOne().length > 0 && isWaiting() && performance.now() < until) await turn()
    expected = new Set()
  }

  const waitingForOne = () => [...tasks.values()].filter(({ rest }) => rest.length === 1)

  const isUnderWay = (task: Task) => tasks.get(task.number) === task

  /** One token for everybody who waits for one, in shared runs; behind a draft as many as it has right, in a run of its own. */
  const stepAll = async () => {
    const waiting = waitingForOne()
    await stepTogether(waiting.filter(({ draft }) => draft.length === 0))
    for (const task of waiting) {
      if (task.draft.length > 0 && isUnderWay(task)) await verify(task)
    }
  }

  const stepTogether = async (all: readonly Task[]) => {
    for (let waiting = all; waiting.length > 0; waiting = waiting.filter(isUnderWay)) {
      const tokens = new Map(waiting.map(({ sequence, rest }) => [sequence, rest[0]!]))
      try {
        const logits = await decoder.step(tokens)
        for (const task of waiting) {
          if (!logits.has(task.sequence)) continue
          finish(task, logits.get(task.sequence)!)
          expected.add(task.number)
        }
      } catch (error) {
        for (const task of waiting) fail(task, error)
      }
    }
  }

  const verify = async (task: Task) => {
    const { sequence, rest, draft } = task
    let chosen: readonly Choice[] = []
    try {
      await decoder.verify(sequence, [...rest, ...draft], (logits) => {
        chosen = chooseAlong(task, logits)
        return chosen.length
      })
      succeed(task, chosen)
    } catch (error) {
      fail(task, error)
    }
  }

  /** One part of the prompt that has waited longest. Who has come meanwhile and waits for one token has the next run. */
  const readPrompt = async () => {
    const task = [...tasks.values()].find(({ rest }) => rest.length > 1)
    if (task === undefined) return
    const part = task.rest.slice(
      0,
      partLength(task.rest.length, sequences.size > 1 ? SHARED_PROMPT_PART : PROMPT_PART),
    )
    try {
      const logits = await decoder.append(task.sequence, part)
      task.rest = task.rest.slice(part.length)
      if (task.rest.length === 0) finish(task, logits)
    } catch (error) {
      fail(task, error)
    }
  }

  const finish = (task: Task, logits: Float32Array) => {
    try {
      succeed(task, [task.choose(logits, task.sequence.tokens)])
    } catch (error) {
      fail(task, error)
    }
  }
  const succeed = (task: Task, choices: readonly Choice[]) => {
    const tokens = choices.map(({ token }) => token)
    const logprobs = choices.flatMap(({ logprobs }) => logprobs ?? [])
    task.resolve({ tokens, ...(logprobs.length > 0 && { logprobs }), cached: task.cached })
    tasks.delete(task.number)
  }
  const fail = (task: Task, error: unknown) => {
    tasks.delete(task.number)
    task.reject(error)
  }

  const begin = ({ ids, sampling }: NextToken): Active => {
    if (sampling === undefined) throw sequenceFreed()
    // First: where it fails, no sequence has begun that nobody would end.
    const choose = createChooser(sampling)
    return { sequence: decoder.sequences.begin([...ids]), choose }
  }

  return {
    next: (request) =>
      new Promise((resolve, reject) => {
        const { sequence: number, ids } = request
        const known = sequences.get(number)
        const active = known ?? begin(request)
        sequences.set(number, active)
        const rest =
          known === undefined
            ? [...ids].slice(active.sequence.length)
            : decoder.sequences.extend(active.sequence, [...ids])
        // A draft stays within the positions of the sequence as it is.
        const most = rest.length === 1 ? decoder.sequences.roomOf(active.sequence) - 1 : 0
        const draft = Array.from(request.draft ?? []).slice(0, Math.max(most, 0))
        const cached = Math.max(ids.length - rest.length, 0)
        tasks.set(number, { ...active, number, rest, cached, draft, resolve, reject })
        if (!isWorking) void work()
      }),
    free(number) {
      const task = tasks.get(number)
      const active = sequences.get(number)
      if (task !== undefined) fail(task, sequenceFreed())
      if (active !== undefined) freed.push(active.sequence)
      if (!isWorking) retireFreed()
      sequences.delete(number)
    },
  }
}

/**
 * The token behind the one that waits, and behind each of its draft as long as that is the one that was chosen.
 *
 * @param logits after each of them, [1 + draft, vocabulary].
 */
function chooseAlong(
  { sequence, rest, draft, choose }: Pick<Task, 'sequence' | 'rest' | 'draft' | 'choose'>,
  logits: Float32Array,
): readonly Choice[] {
  const vocabulary = logits.length / (1 + draft.length)
  const previous = [...sequence.tokens, ...rest]
  const chosen: Choice[] = []
  for (let row = 0; row <= draft.length; row++) {
    try {
      chosen.push(choose(logits.subarray(row * vocabulary, (row + 1) * vocabulary), previous))
    } catch (error) {
      // The tokens so far are right: what cannot be chosen behind them fails the call that asks for it.
      if (row > 0) break
      throw error
    }
    if (chosen[row]!.token !== draft[row]) break
    previous.push(draft[row]!)
  }
  return chosen
}

/**
 * Tokens of a part of at most `most`: never all but one. Attention sums in another order for a single token; without
 * one, a prompt has the same keys and values in whatever parts it is read, as long as a head has at most 128 channels,
 * which the runtime multiplies in one piece.
 */
const partLength = (rest: number, most: number): number =>
  rest === most + 1 ? most - 1 : Math.min(rest, most)

const sequenceFreed = (): RuntimeError =>
  new RuntimeError('SEQUENCE_FREED', 'the sequence has been freed', {
    hint: 'Free a sequence once its last token is there, and begin another for further ones.',
  })

/** Lets messages in. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
