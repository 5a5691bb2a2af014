import { ApiError } from '../http/api-error.js'
import type { ModelEntry } from './model-entry.js'

/** The models of a server, by name. */
export interface Registry {
  readonly entries: readonly ModelEntry[]
  /**
   * The model that a request means: with one model, whatever it is called.
   *
   * @throws ApiError model_not_found
   */
  find(name: string | undefined): ModelEntry
  /** The same, by its exact name or an alias; clients of Ollama may write the tag "latest" behind a name. */
  findExactly(name: string): ModelEntry
}

export function createRegistry(entries: readonly ModelEntry[]): Registry {
  const byName = new Map(
    entries.flatMap((entry) => [entry.name, ...entry.aliases].map((name) => [name, entry])),
  )
  const findExactly = (name: string): ModelEntry => {
    const entry = byName.get(name) ?? byName.get(name.replace(/:latest$/, ''))
    if (entry !== undefined) return entry
    throw new ApiError(
      'model_not_found',
      'there is no model of that name; GET /v1/models lists those there are',
      {
        param: 'model',
      },
    )
  }
  return {
    entries,
    find: (name) => (entries.length === 1 ? entries[0]! : findExactly(name ?? '')),
    findExactly,
  }
}

/** Loads one model at a time, and unloads idle ones to make room. */
export interface LoadTurns {
  inTurn<Result>(entry: ModelEntry, load: () => Promise<Result>): Promise<Result>
  /** Says that a model may have become idle. */
  notify(): void
}

/** @param maxLoaded models that are loaded at once. */
export function createLoadTurns(entries: () => readonly ModelEntry[], maxLoaded: number): LoadTurns {
  let last: Promise<unknown> = Promise.resolve()
  const listeners = new Set<() => void>()
  const makeRoom = async (entry: ModelEntry): Promise<void> => {
    for (;;) {
      const others = entries().filter((one) => one !== entry && one.loaded !== undefined)
      if (others.length < maxLoaded) return
      const idle = others.filter(({ users }) => users === 0).sort((a, b) => a.lastUsed - b.lastUsed)
      if (idle[0] !== undefined) await idle[0].unload()
      else {
        await new Promise<void>((resolve) => {
          const listener = () => {
            listeners.delete(listener)
            resolve()
          }
          listeners.add(listener)
        })
      }
    }
  }
  return {
    inTurn(entry, load) {
      const turn = last.then(async () => {
        await makeRoom(entry)
        return load()
      })
      last = turn.catch(() => {})
      return turn
    },
    notify() {
      for (const listener of [...listeners]) listener()
    },
  }
}
