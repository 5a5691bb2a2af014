import { ApiError } from '../http/api-error.js'
import type { ModelEntry } from '../models/model-entry.js'
import type { ServerSettings } from '../settings/options.js'

/**
 * Counts a request among those that are read and made tokens of: what waits in no queue yet is bounded, too.
 *
 * @returns what says that it is prepared; may be called more than once.
 * @throws ApiError queue_full
 */
export function enterPreparation(
  entry: ModelEntry,
  { maxQueue, maxSequences }: Pick<ServerSettings, 'maxQueue' | 'maxSequences'>,
): () => void {
  const most = Math.max(2 * maxQueue, maxSequences)
  if (entry.preparing >= most) {
    throw new ApiError('queue_full', `${most} requests are being prepared already; try again later`, {
      retryAfter: entry.admission.retryAfter(),
    })
  }
  entry.preparing++
  let left = false
  return () => {
    if (!left) entry.preparing--
    left = true
  }
}
