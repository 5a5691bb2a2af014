import type { ServerContext } from '../context.js'
import { modelFor } from '../generate/begin-generation.js'
import { ApiError } from '../http/api-error.js'
import type { Exchange } from '../http/exchange.js'
import type { LoadedModel } from '../models/loaded-model.js'
import type { ModelEntry } from '../models/model-entry.js'
import { type Batcher, createBatcher } from './batcher.js'

/** Texts that are computed in batches, with the model that does it. */
export interface EncoderWork<Model, Input, Output> {
  readonly model: Model
  readonly entry: ModelEntry
  readonly batcher: Batcher<Input, Output>
}

/** A batcher belongs to a model as long as that is loaded. */
const batchers = new WeakMap<LoadedModel, Batcher<never, unknown>>()

/**
 * Does something with a model that is no decoder.
 *
 * @param select what the route needs; undefined for a model that does not offer it.
 * @throws ApiError unsupported_value for such a model; what `work` throws.
 */
export async function withEncoder<Model extends object, Input, Output, Result>(
  context: ServerContext,
  exchange: Exchange,
  name: string | undefined,
  select: (model: LoadedModel) => Model | undefined,
  compute: (model: Model, inputs: readonly Input[], kind: string) => Promise<readonly Output[]>,
  work: (work: EncoderWork<Model, Input, Output>) => Promise<Result>,
): Promise<Result> {
  const entry = modelFor(context, exchange, name)
  const lease = await entry.use(exchange.signal)
  try {
    const model = select(lease.model)
    if (model === undefined) {
      throw new ApiError(
        'unsupported_value',
        `${entry.name} does not offer this route; it is a model of kind "${lease.model.kind}"`,
        {
          param: 'model',
        },
      )
    }
    const { maxBatchSize: maxItems, batchWaitMs: wait, maxQueue } = context.settings
    const known = batchers.get(lease.model) as Batcher<Input, Output> | undefined
    const batcher =
      known ??
      createBatcher<Input, Output>({
        ...{ maxItems, wait, maxWaiting: Math.max(maxQueue, 1) },
        compute: (inputs, kind) => compute(model, inputs, kind),
        onBatch: (size) => context.metrics.batch(entry.name, size),
      })
    batchers.set(lease.model, batcher as unknown as Batcher<never, unknown>)
    return await work({ model, entry, batcher })
  } catch (error) {
    entry.reportCrash(error)
    throw error
  } finally {
    lease.release()
  }
}
