import type { ServerContext } from '../context.js'
import { modelFor } from '../generate/begin-generation.js'
import { ApiError } from '../http/api-error.js'
import type { Exchange } from '../http/exchange.js'
import type { LoadedModel } from '../models/loaded-model.js'
import type { ModelEntry } from '../models/model-entry.js'
import { enterPreparation } from '../queue/enter-preparation.js'
import { type Batcher, type BatchItem, createBatcher } from './batcher.js'

/** What a route does with texts that a model computes in batches. */
export interface EncoderTask<Model extends object, Input, Output> {
  /** What the route needs; undefined for a model that does not offer it. */
  select(model: LoadedModel): Model | undefined
  /** The texts of the request with their tokens. */
  read(model: Model, signal: AbortSignal): Promise<readonly BatchItem<Input>[]>
  /** Of one kind, perhaps those of several requests. */
  compute(model: Model, inputs: readonly Input[], kind: string): Promise<readonly Output[]>
}

/** What became of the texts of a request, in their order. */
export interface EncodedTexts<Model, Output> {
  readonly model: Model
  readonly entry: ModelEntry
  readonly outputs: readonly Output[]
  readonly tokens: number
}

/**
 * Takes the texts of a request through a model that is no decoder: a place among those that are prepared, model, tokens,
 * limits of the key, and the next batches.
 *
 * @throws ApiError unsupported_value for a model that does not offer the route, queue_full, rate_limit_exceeded; what
 * `read` and `compute` throw; the reason of the signal.
 */
export async function encodeTexts<Model extends object, Input, Output>(
  context: ServerContext,
  exchange: Exchange,
  name: string | undefined,
  task: EncoderTask<Model, Input, Output>,
): Promise<EncodedTexts<Model, Output>> {
  const { record, signal } = exchange
  const entry = modelFor(context, exchange, name)
  const undo: (() => void)[] = []
  try {
    const leavePreparation = enterPreparation(entry, context.settings)
    undo.push(leavePreparation)
    const lease = await entry.use(signal)
    undo.push(lease.release)
    const model = task.select(lease.model)
    if (model === undefined) throw notOffered(entry, lease.model)
    const batcher = batcherOf(lease.model, context, entry, (inputs: readonly Input[], kind) =>
      task.compute(model, inputs, kind),
    )
    const items = await readFor(batcher, () => task.read(model, signal))
    const tokens = items.reduce((sum, { size }) => sum + size, 0)
    record.promptTokens = tokens
    const booked = context.limits.book(record.key, 1, tokens)
    undo.push(() => booked.settle(tokens))
    leavePreparation()
    return { model, entry, tokens, outputs: await batcher.run(items, signal) }
  } catch (error) {
    entry.reportCrash(error)
    throw error
  } finally {
    for (const step of undo.reverse()) step()
  }
}

/** While a request is read, others wait for its company. */
async function readFor<Input, Output>(
  batcher: Batcher<Input, Output>,
  read: () => Promise<readonly BatchItem<Input>[]>,
): Promise<readonly BatchItem<Input>[]> {
  const over = batcher.expect()
  try {
    return await read()
  } finally {
    over()
  }
}

/** A batcher belongs to a model as long as that is loaded. */
const batchers = new WeakMap<LoadedModel, Batcher<never, unknown>>()

function batcherOf<Input, Output>(
  model: LoadedModel,
  { settings, metrics }: ServerContext,
  entry: ModelEntry,
  compute: (inputs: readonly Input[], kind: string) => Promise<readonly Output[]>,
): Batcher<Input, Output> {
  const known = batchers.get(model) as Batcher<Input, Output> | undefined
  if (known !== undefined) return known
  const { maxBatchSize: maxItems, batchWaitMs: wait, maxQueue } = settings
  const made = createBatcher<Input, Output>({
    ...{ maxItems, wait, compute, maxWaiting: Math.max(maxQueue, 1) },
    onBatch: (size) => metrics.batch(entry.name, size),
  })
  batchers.set(model, made as unknown as Batcher<never, unknown>)
  return made
}

const notOffered = ({ name }: ModelEntry, { kind }: LoadedModel): ApiError =>
  new ApiError('unsupported_value', `${name} does not offer this route; it is a model of kind "${kind}"`, {
    param: 'model',
  })
