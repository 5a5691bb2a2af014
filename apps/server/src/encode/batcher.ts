import { ApiError } from '../http/api-error.js'

/** One text of a request. */
export interface BatchItem<Input> {
  readonly input: Input
  /** Tokens, about. */
  readonly size: number
  /** Only texts of one kind are computed together. */
  readonly kind: string
}

export interface BatcherOptions<Input, Output> {
  /** Texts of a batch at most. */
  readonly maxItems: number
  /** Milliseconds that the oldest text waits for company, when there may be some. */
  readonly wait: number
  /** Requests that wait at most. */
  readonly maxWaiting: number
  compute(inputs: readonly Input[], kind: string): Promise<readonly Output[]>
  onBatch(size: number): void
}

/** Computes texts of several requests together. Results do not depend on what a text was computed with. */
export interface Batcher<Input, Output> {
  /** Says that a request is being read: it may have texts for the next batch. */
  expect(): () => void
  /** @throws ApiError queue_full; the reason of the signal; what computing the text failed with. */
  run(items: readonly BatchItem<Input>[], signal: AbortSignal): Promise<readonly Output[]>
}

/** Texts of a batch times the longest of them: more does not get faster. */
const MOST_PADDED_TOKENS = 16_384
/** Of a batch, what shorter texts are filled up by. */
const MOST_PADDING = 0.25
/** Batches that a text lets pass because it does not fit them. */
const MOST_PASSED = 3

interface Waiting<Input, Output> extends BatchItem<Input> {
  passed: number
  resolve(output: Output): void
  reject(error: unknown): void
}

interface Request<Input, Output> {
  readonly items: Waiting<Input, Output>[]
  readonly since: number
}

export function createBatcher<Input, Output>(options: BatcherOptions<Input, Output>): Batcher<Input, Output> {
  /** In the order in which they take turns. */
  let requests: Request<Input, Output>[] = []
  let expected = 0
  let isComputing = false
  let timer: NodeJS.Timeout | undefined

  const schedule = () => {
    if (isComputing || requests.length === 0) return
    clearTimeout(timer)
    const waited = performance.now() - Math.min(...requests.map(({ since }) => since))
    const isFull = requests.reduce((sum, { items }) => sum + items.length, 0) >= options.maxItems
    if (expected === 0 || isFull || waited >= options.wait) void dispatch()
    else timer = setTimeout(schedule, options.wait - waited)
  }

  const dispatch = async () => {
    isComputing = true
    const batch = takeBatch(requests, options.maxItems)
    requests = requests.filter(({ items }) => items.length > 0)
    options.onBatch(batch.length)
    await computeBatch(batch, options)
    isComputing = false
    schedule()
  }

  return {
    expect() {
      expected++
      let isOver = false
      return () => {
        if (isOver) return
        isOver = true
        expected--
        schedule()
      }
    },
    run(items, signal) {
      signal.throwIfAborted()
      if (requests.length >= options.maxWaiting) {
        throw new ApiError('queue_full', `${options.maxWaiting} requests wait already; try again later`)
      }
      const waiting: Waiting<Input, Output>[] = []
      const outputs = items.map(
        (item) =>
          new Promise<Output>((resolve, reject) => {
            waiting.push({ ...item, passed: 0, resolve, reject })
          }),
      )
      const request = { items: waiting, since: performance.now() }
      requests.push(request)
      const abort = () => {
        requests = requests.filter((one) => one !== request)
        for (const { reject } of waiting.splice(0)) reject(signal.reason)
      }
      signal.addEventListener('abort', abort, { once: true })
      schedule()
      return Promise.all(outputs).finally(() => signal.removeEventListener('abort', abort))
    },
  }
}

/** Texts that go together: one of each request in turn, so that none fills every batch by itself. */
function takeBatch<Input, Output>(
  requests: Request<Input, Output>[],
  maxItems: number,
): readonly Waiting<Input, Output>[] {
  const batch: Waiting<Input, Output>[] = []
  const patient = requests.find(({ items }) => (items[0]?.passed ?? 0) >= MOST_PASSED)
  const turns =
    patient === undefined ? [...requests] : [patient, ...requests.filter((one) => one !== patient)]
  for (let queue = turns; queue.length > 0 && batch.length < maxItems; ) {
    const left: Request<Input, Output>[] = []
    for (const request of queue) {
      const next = request.items[0]
      if (next === undefined || batch.length >= maxItems) continue
      if (fits(next, batch)) {
        batch.push(next)
        request.items.shift()
        left.push(request)
      } else next.passed++
    }
    queue = left
  }
  // Whoever was served goes behind the others.
  requests.push(...requests.splice(0, 1))
  return batch
}

function fits<Input>(item: BatchItem<Input>, batch: readonly BatchItem<Input>[]): boolean {
  if (batch.length === 0) return true
  if (batch[0]!.kind !== item.kind) return false
  const sizes = [...batch, item].map(({ size }) => size)
  const padded = sizes.length * Math.max(...sizes)
  const filled = sizes.reduce((sum, size) => sum + size, 0)
  return padded <= MOST_PADDED_TOKENS && padded - filled <= padded * MOST_PADDING
}

/** An error stays with its text: those of a batch that failed are computed one by one. */
async function computeBatch<Input, Output>(
  batch: readonly Waiting<Input, Output>[],
  { compute }: Pick<BatcherOptions<Input, Output>, 'compute'>,
): Promise<void> {
  const { kind } = batch[0]!
  try {
    const outputs = await compute(
      batch.map(({ input }) => input),
      kind,
    )
    for (const [index, { resolve }] of batch.entries()) resolve(outputs[index]!)
  } catch (error) {
    if (batch.length === 1) {
      batch[0]!.reject(error)
      return
    }
    for (const item of batch) await computeBatch([item], { compute })
  }
}
