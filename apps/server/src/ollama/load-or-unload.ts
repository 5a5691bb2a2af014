import type { ServerContext } from '../context.js'
import { modelFor } from '../generate/begin-generation.js'
import type { Exchange } from '../http/exchange.js'
import type { ModelEntry } from '../models/model-entry.js'

/**
 * What a request does that asks nothing: the model is loaded, or unloaded where it is not to be kept alive.
 *
 * @throws ApiError as `modelFor` and `use`.
 */
export async function loadOrUnload(
  context: ServerContext,
  exchange: Exchange,
  name: string | undefined,
  keepAlive: number | undefined,
): Promise<{ readonly entry: ModelEntry; readonly done_reason: 'load' | 'unload' }> {
  const entry = modelFor(context, exchange, name, keepAlive)
  if (keepAlive === 0) {
    // One that is busy is unloaded when it is not.
    await entry.unload()
    return { entry, done_reason: 'unload' }
  }
  const { release } = await entry.use(exchange.signal)
  release()
  return { entry, done_reason: 'load' }
}
