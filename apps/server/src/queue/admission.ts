import { ApiError } from '../http/api-error.js'

export interface AdmissionOptions {
  /** Sequences that run at once. */
  readonly maxSequences: number
  /** Choices that wait. */
  readonly maxQueue: number
  /** Milliseconds that one waits. */
  readonly queueTimeout: number
}

/** What a request asks for. */
export interface AdmissionRequest {
  /** Name of the key: keys take turns. */
  readonly key: string
  /** Choices, of which the first is waited for. */
  readonly choices: number
  readonly signal: AbortSignal
}

/** The right to run one sequence. */
export interface Slot {
  /** May be called more than once. */
  release(): void
}

/** The place of a request: one slot to begin with, and further ones for its other choices. */
export interface Admitted extends Slot {
  /** A slot for another choice: before all that wait. */
  another(signal: AbortSignal): Promise<Slot>
}

/** First come, first served within a key; keys take turns. */
export interface Admission {
  readonly running: number
  /** Choices. */
  readonly waiting: number
  /**
   * @throws ApiError queue_full at once, queue_timeout after a while; the reason of the signal; what `refuseWaiting` or
   * `refuseAll` gave.
   */
  admit(request: AdmissionRequest): Promise<Admitted>
  /**
   * What would not be admitted now is not worth preparing.
   *
   * @throws ApiError queue_full
   */
  demandRoom(choices: number): void
  /** Ends the wait of requests. Further choices of those that run are waited for. */
  refuseWaiting(error: ApiError): void
  /** Ends the wait of requests, and of further choices. */
  refuseAll(error: ApiError): void
  /** Seconds that one more had better wait. */
  retryAfter(): number
  /** Lets nothing begin meanwhile. */
  hold(): void
  resume(): void
}

interface Waiting {
  readonly choices: number
  start(): void
  refuse(error: Error): void
}

/** Answers whose mean time says how long one more will take. */
const REMEMBERED = 50

export function createAdmission({ maxSequences, maxQueue, queueTimeout }: AdmissionOptions): Admission {
  /** In the order in which they take turns. */
  const queues = new Map<string, Waiting[]>()
  const siblings: Waiting[] = []
  const seconds: number[] = []
  let running = 0
  let held = false

  const waiting = () => {
    let count = siblings.length
    for (const queue of queues.values()) for (const { choices } of queue) count += choices
    return count
  }
  const retryAfter = () => {
    const mean = seconds.reduce((sum, one) => sum + one, 0) / Math.max(seconds.length, 1)
    return Math.min(Math.max(Math.ceil((waiting() * mean) / maxSequences), 1), 60)
  }
  const next = (): Waiting | undefined => {
    const sibling = siblings.shift()
    if (sibling !== undefined) return sibling
    const [key, queue] = queues.entries().next().value ?? []
    if (key === undefined || queue === undefined) return undefined
    const first = queue.shift()
    queues.delete(key)
    // Behind the others: its next one waits for their turns.
    if (queue.length > 0) queues.set(key, queue)
    return first
  }
  const fill = () => {
    while (!held && running < maxSequences) {
      const first = next()
      if (first === undefined) return
      running++
      first.start()
    }
  }
  const slot = (): Slot => {
    const since = performance.now()
    let released = false
    return {
      release() {
        if (released) return
        released = true
        running--
        seconds.push((performance.now() - since) / 1000)
        if (seconds.length > REMEMBERED) seconds.shift()
        fill()
      },
    }
  }

  const wait = (
    enqueue: (entry: Waiting) => () => void,
    choices: number,
    signal: AbortSignal,
    timeout: number | undefined,
  ): Promise<Slot> =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const settle = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
      }
      const refuse = (error: Error) => {
        remove()
        settle()
        reject(error)
      }
      const abort = () => refuse(signal.reason as Error)
      const timer =
        timeout === undefined
          ? undefined
          : setTimeout(() => refuse(waitedTooLong(timeout, retryAfter())), timeout)
      signal.addEventListener('abort', abort, { once: true })
      const remove = enqueue({
        choices,
        start() {
          settle()
          resolve(slot())
        },
        refuse,
      })
      fill()
    })

  const removeFrom = (list: Waiting[], entry: Waiting) => {
    const at = list.indexOf(entry)
    if (at >= 0) list.splice(at, 1)
  }

  const demandRoom = (choices: number) => {
    const runsAtOnce = !held && running < maxSequences && waiting() === 0
    if (!runsAtOnce && waiting() + choices > maxQueue) throw queueFull(maxQueue, retryAfter())
  }

  const refuseWaiting = (error: ApiError) => {
    for (const entry of [...queues.values()].flat()) entry.refuse(error)
  }

  return {
    get running() {
      return running
    },
    get waiting() {
      return waiting()
    },
    demandRoom,
    async admit({ key, choices, signal }) {
      demandRoom(choices)
      const first = await wait(
        (entry) => {
          const queue = queues.get(key) ?? []
          queue.push(entry)
          queues.set(key, queue)
          return () => {
            removeFrom(queue, entry)
            if (queue.length === 0 && queues.get(key) === queue) queues.delete(key)
          }
        },
        choices,
        signal,
        queueTimeout,
      )
      return {
        release: first.release,
        another: (abort) =>
          wait(
            (entry) => {
              siblings.push(entry)
              return () => removeFrom(siblings, entry)
            },
            1,
            abort,
            undefined,
          ),
      }
    },
    refuseWaiting,
    refuseAll(error) {
      for (const entry of [...siblings]) entry.refuse(error)
      refuseWaiting(error)
    },
    retryAfter,
    hold() {
      held = true
    },
    resume() {
      held = false
      fill()
    },
  }
}

const queueFull = (maxQueue: number, retryAfter: number): ApiError =>
  new ApiError('queue_full', `${maxQueue} choices wait already, which is the most; try again later`, {
    retryAfter,
  })

const waitedTooLong = (timeout: number, retryAfter: number): ApiError =>
  new ApiError(
    'queue_timeout',
    `the request waited ${timeout / 1000} s without being begun; try again later`,
    {
      retryAfter,
    },
  )
