import { HfquantError } from 'hfquant'
import { ApiError } from '../http/api-error.js'
import { type Admission, type AdmissionOptions, createAdmission } from '../queue/admission.js'
import { LONGEST_TIMER } from '../settings/parse-values.js'
import type { LoadModel, ModelPlan } from './load-model.js'
import type { LoadedModel } from './loaded-model.js'

export type ModelState = 'unloaded' | 'loading' | 'loaded' | 'failed'

/** The right to use a loaded model: it is not unloaded meanwhile. */
export interface Lease {
  readonly model: LoadedModel
  /** May be called more than once. */
  release(): void
}

/** A model under its name: loaded or not, restarting or not, with those who wait for it. */
export interface ModelEntry {
  readonly name: string
  readonly aliases: readonly string[]
  readonly plan: ModelPlan
  readonly state: ModelState
  /** True between the end of a session and the next one. */
  readonly isRestarting: boolean
  readonly restarts: number
  readonly loaded: LoadedModel | undefined
  /** Requests that use it. */
  readonly users: number
  /** When it was last used, by the clock of `performance`. */
  readonly lastUsed: number
  /** Milliseconds of idleness before the model is unloaded; -1 never. */
  readonly keepAlive: number
  readonly admission: Admission
  /** Requests that are being rendered, or earlier; kept by the routes. */
  preparing: number
  /**
   * Loads the model if it is not.
   *
   * @throws ApiError model_loading after 300 s, model_failed; the reason of the signal.
   */
  use(signal: AbortSignal): Promise<Lease>
  /** @throws ApiError internal_error for prompts that ran when the session ended, twice. */
  refuseSuspect(promptHash: string): void
  /**
   * Notes what runs, so that a prompt that ends the session twice is told from its neighbours.
   *
   * @returns what says that it has ended.
   */
  track(requestId: string, promptHash: string): () => void
  /** Says that an answer failed because its session ended. */
  reportCrash(error: unknown): void
  /** @param milliseconds of idleness before the model is unloaded; -1, or more than a timer holds: never. */
  setKeepAlive(milliseconds: number): void
  /** Does nothing while the model is used. */
  unload(): Promise<void>
  close(): Promise<void>
}

export interface ModelEntryOptions {
  readonly plan: ModelPlan
  readonly aliases: readonly string[]
  readonly admission: AdmissionOptions
  readonly keepAlive: number
  readonly load: LoadModel
  /** Waits for its turn, and for room, before loading. */
  inTurn<Result>(entry: ModelEntry, load: () => Promise<Result>): Promise<Result>
  onLoaded(entry: ModelEntry, seconds: number): void
  onFailed(entry: ModelEntry, error: unknown): void
  onSuspect(entry: ModelEntry, requestId: string): void
  /** Called when somebody may be waiting for this model to be idle. */
  onIdle(entry: ModelEntry): void
}

const LOAD_TIMEOUT = 300_000
const FIRST_RESTART_DELAY = 500
const LONGEST_RESTART_DELAY = 30_000
/** Crashes within this time add up. */
const CRASH_WINDOW = 300_000
const MOST_CRASHES = 5
const SUSPICION = 600_000

export function createModelEntry(options: ModelEntryOptions): ModelEntry {
  const { plan, aliases, load } = options
  const admission = createAdmission(options.admission)
  const closing = new AbortController()
  const inFlight = new Set<{ readonly requestId: string; readonly hash: string }>()
  /** Prompt hashes of running sequences, by how many crashes they saw and when. */
  const seenCrashes = new Map<string, { count: number; until: number }>()
  let state: ModelState = 'unloaded'
  let loaded: LoadedModel | undefined
  let loading: Promise<LoadedModel> | undefined
  let keepAlive = heldByTimer(options.keepAlive)
  let idleTimer: NodeJS.Timeout | undefined
  let crashes: number[] = []
  let restarting = false
  let restarts = 0
  let users = 0
  let lastUsed = performance.now()
  let failure: unknown

  const loadNow = (): Promise<LoadedModel> => {
    if (loaded !== undefined) return Promise.resolve(loaded)
    if (state === 'failed') return Promise.reject(modelFailed(plan.name))
    loading ??= options
      .inTurn(entry, async () => {
        state = 'loading'
        const since = performance.now()
        loaded = await load(plan, closing.signal)
        state = 'loaded'
        options.onLoaded(entry, (performance.now() - since) / 1000)
        return loaded
      })
      .catch((error) => {
        closing.signal.throwIfAborted()
        fail(error)
        throw modelFailed(plan.name, error)
      })
      .finally(() => {
        loading = undefined
      })
    return loading
  }

  const fail = (error: unknown) => {
    state = 'failed'
    failure = error
    restarting = false
    options.onFailed(entry, error)
    admission.refuseAll(modelFailed(plan.name))
    admission.resume()
  }

  const unload = async () => {
    if (users > 0 || loaded === undefined || restarting) return
    const model = loaded
    loaded = undefined
    state = 'unloaded'
    await model.dispose()
  }

  const becomeIdle = () => {
    lastUsed = performance.now()
    clearTimeout(idleTimer)
    if (keepAlive >= 0) {
      idleTimer = setTimeout(() => void unload(), keepAlive)
      idleTimer.unref()
    }
    options.onIdle(entry)
  }

  const restart = async () => {
    restarting = true
    restarts++
    admission.hold()
    const crashed = loaded
    loaded = undefined
    state = 'loading'
    await crashed?.dispose().catch(() => {})
    const now = performance.now()
    crashes = [...crashes.filter((time) => now - time < CRASH_WINDOW), now]
    if (crashes.length >= MOST_CRASHES) return fail(new Error('the session ended five times in five minutes'))
    const delay = Math.min(FIRST_RESTART_DELAY * 2 ** (crashes.length - 1), LONGEST_RESTART_DELAY)
    await new Promise((resolve) => setTimeout(resolve, delay))
    if (closing.signal.aborted) return
    await loadNow().then(
      () => {
        restarting = false
        admission.resume()
      },
      () => {},
    )
  }

  const suspect = () => {
    const now = performance.now()
    for (const hash of new Set([...inFlight].map((running) => running.hash))) {
      seenCrashes.set(hash, { count: (seenCrashes.get(hash)?.count ?? 0) + 1, until: now + SUSPICION })
    }
    for (const { requestId, hash } of inFlight) {
      if (seenCrashes.get(hash)!.count >= 2) options.onSuspect(entry, requestId)
    }
    for (const [hash, { until }] of seenCrashes) if (until < now) seenCrashes.delete(hash)
  }

  const entry: ModelEntry = {
    name: plan.name,
    aliases,
    plan,
    admission,
    preparing: 0,
    get state() {
      return state
    },
    get isRestarting() {
      return restarting
    },
    get restarts() {
      return restarts
    },
    get loaded() {
      return loaded
    },
    get users() {
      return users
    },
    get lastUsed() {
      return lastUsed
    },
    get keepAlive() {
      return keepAlive
    },
    async use(signal) {
      signal.throwIfAborted()
      clearTimeout(idleTimer)
      users++
      let released = false
      const release = () => {
        if (released) return
        released = true
        users--
        if (users === 0) becomeIdle()
      }
      try {
        const model = loaded ?? (await within(loadNow(), LOAD_TIMEOUT, signal))
        return { model, release }
      } catch (error) {
        release()
        throw error
      }
    },
    refuseSuspect(promptHash) {
      const seen = seenCrashes.get(promptHash)
      if (seen !== undefined && seen.count >= 2 && seen.until > performance.now()) {
        throw new ApiError(
          'internal_error',
          'this prompt ended the session twice, and is refused for ten minutes',
        )
      }
    },
    track(requestId, hash) {
      const running = { requestId, hash }
      inFlight.add(running)
      return () => void inFlight.delete(running)
    },
    reportCrash(error) {
      if (restarting || state !== 'loaded' || closing.signal.aborted) return
      if (!(HfquantError.isInstance(error) && error.code === 'SESSION_FAILED')) return
      suspect()
      void restart()
    },
    setKeepAlive(milliseconds) {
      keepAlive = heldByTimer(milliseconds)
    },
    unload,
    async close() {
      closing.abort(new ApiError('shutting_down', 'the server is shutting down'))
      clearTimeout(idleTimer)
      await loading?.catch(() => {})
      const model = loaded
      loaded = undefined
      state = failure === undefined ? 'unloaded' : 'failed'
      await model?.dispose()
    },
  }
  return entry
}

const heldByTimer = (milliseconds: number): number => (milliseconds > LONGEST_TIMER ? -1 : milliseconds)

/** What `work` gives, unless the time or the signal is over first. */
function within<T>(work: Promise<T>, milliseconds: number, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    const timer = setTimeout(
      () =>
        reject(
          new ApiError('model_loading', 'the model is being loaded; try again later', { retryAfter: 30 }),
        ),
      milliseconds,
    )
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    })
  })
}

const modelFailed = (name: string, cause?: unknown): ApiError =>
  new ApiError('model_failed', `the model ${name} could not be loaded; the log of the server says why`, {
    cause,
  })
