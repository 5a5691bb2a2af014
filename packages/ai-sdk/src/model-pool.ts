import { isDeepStrictEqual } from 'node:util'
import { untilAborted } from 'hfquant'

/**
 * Models that calls share: each is loaded by the first call that needs it. Who hears of the progress makes no other model of it:
 * the one that begins to load does.
 */
export interface ModelPool<Settings, Model> {
  /** @throws what loading throws, to all who wait for it: the next call tries again; the reason of `signal`. */
  use(modelId: string, settings: Settings, signal: AbortSignal | undefined): Promise<Model>
  /** Ends loading and frees what has been loaded. Later calls load anew. */
  dispose(): Promise<void>
}

interface Entry<Settings, Model> {
  readonly modelId: string
  readonly settings: Settings
  readonly model: Promise<Model>
  readonly stop: AbortController
}

export function createModelPool<
  Settings extends { readonly onProgress?: unknown },
  Model extends { dispose(): Promise<void> },
>(
  load: (modelId: string, settings: Settings, signal: AbortSignal) => Promise<Model>,
): ModelPool<Settings, Model> {
  const entries = new Set<Entry<Settings, Model>>()

  function begin(modelId: string, settings: Settings): Entry<Settings, Model> {
    const stop = new AbortController()
    const entry = { modelId, settings, stop, model: load(modelId, settings, stop.signal) }
    entries.add(entry)
    entry.model.catch(() => entries.delete(entry))
    return entry
  }

  return {
    async use(modelId, settings, signal) {
      signal?.throwIfAborted()
      const wanted = { ...settings, onProgress: undefined }
      const isWanted = (entry: Entry<Settings, Model>) =>
        entry.modelId === modelId && isDeepStrictEqual({ ...entry.settings, onProgress: undefined }, wanted)
      const { model } = [...entries].find(isWanted) ?? begin(modelId, settings)
      return untilAborted(model, signal)
    },
    async dispose() {
      const ended = [...entries]
      entries.clear()
      await Promise.all(ended.map(release))
    },
  }
}

async function release<Settings, Model extends { dispose(): Promise<void> }>({
  model,
  stop,
}: Entry<Settings, Model>): Promise<void> {
  stop.abort(new DOMException('the provider was disposed of while the model was being loaded', 'AbortError'))
  const loaded = await model.catch(() => undefined)
  await loaded?.dispose()
}
