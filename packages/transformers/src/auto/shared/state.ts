import { RuntimeError, type Shell } from '@hfquant/core/runtime'
import type { SessionMemory } from '@hfquant/onnx'
import { compile } from '../compile/compile.js'
import { openKept } from '../compile/kept.js'
import { describeArtifact } from '../compile/notes.js'
import type { OpenSession } from '../compile/open-session.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import type { Weights } from '../weights/weights.js'
import { type ModelMemory, memoryOf } from './memory.js'
import { createRunningWork } from './running-work.js'
import { untilAborted } from './until-aborted.js'
import { loadedVersion, type Version } from './version.js'

/** What computes with a compiled model, as far as every kind of model has it. */
export interface ModelSession {
  memoryUsage(): Promise<SessionMemory>
  /** @param reason of later calls to fail. */
  close(reason?: RuntimeError): Promise<void>
}

/** Opens the compiled model of a version. */
export type SessionOpener<Session> = (opened: OpenedModel) => OpenSession<Session>

/** A model as it is at the moment: its weights, the session that computes with them, and the work that uses both. */
export interface State<Session extends ModelSession> {
  readonly version: Version
  /**
   * Does work that `close` waits for. Its signal is aborted by `close`, and with the one that is given.
   *
   * @throws RuntimeError MODEL_DISPOSED once closed.
   */
  run<Result>(
    work: (signal: AbortSignal) => Promise<Result>,
    signal?: AbortSignal | undefined,
  ): Promise<Result>
  /**
   * Changes happen one after the other. A session of other weights is closed, and what it generates ends with
   * MODEL_CHANGED; a change that fails changes nothing.
   */
  change(
    make: (version: Version, signal: AbortSignal) => Promise<Version>,
    signal: AbortSignal | undefined,
  ): Promise<void>
  /** The model with bytes in every parameter. The work goes on for others who wait when `signal` is aborted. */
  fill(signal: AbortSignal): Promise<Shell>
  /** Compiled on first use, and again after a change. */
  session(): Promise<Session>
  /** The session, if there is one already. */
  readonly ready: Session | undefined
  /** Never compiles. */
  memoryUsage(): Promise<ModelMemory>
  /** Ends what is under way, and frees the session, its thread and the open files. */
  close(): Promise<void>
}

export function createState<Session extends ModelSession>(
  weights: Weights,
  options: LoadModelOptions,
  opener: SessionOpener<Session>,
): State<Session> {
  const work = createRunningWork()
  let version = loadedVersion(weights)
  let changes: Promise<void> = Promise.resolve()
  let session: Promise<Session> | undefined
  let ready: Session | undefined

  const run: State<Session>['run'] = (task, signal) =>
    work.run(() => task(signal === undefined ? work.signal : AbortSignal.any([work.signal, signal])))

  const closeSession = async (reason?: RuntimeError) => {
    const closing = session
    session = undefined
    ready = undefined
    await (await closing?.catch(() => undefined))?.close(reason)
  }

  return {
    get version() {
      return version
    },
    run,
    change(make, signal) {
      const change = run(async (ending) => {
        await changes
        const earlier = version
        version = await make(earlier, ending)
        if (version.opened !== earlier.opened) await closeSession(changed())
      }, signal)
      changes = change.catch(() => {})
      return change
    },
    fill: async (signal) => {
      // Work of its own: it goes on when its caller has given up, and closing waits for it.
      const filling = work.run(() => version.weights.fill(work.signal))
      return (await untilAborted(filling, signal)).shell
    },
    session() {
      work.checkOpen()
      if (session !== undefined) return session
      const opening = work
        .run(() => startSession(version, options, opener(version.opened), work.signal))
        .catch((error) => {
          // A change may have led to another session meanwhile.
          if (session === opening) session = undefined
          throw error
        })
      session = opening
      const keep = (opened: Session) => {
        if (session === opening) ready = opened
      }
      opening.then(keep, () => {})
      return opening
    },
    get ready() {
      return ready
    },
    memoryUsage: () =>
      work.run(async () => {
        // One that is still being compiled is not waited for.
        return memoryOf(version.weights, ready)
      }),
    async close() {
      await work.close()
      await closeSession()
      for (const store of version.stores) store.release()
      await version.opened.checkpoint.close()
    },
  }
}

const changed = (): RuntimeError =>
  new RuntimeError('MODEL_CHANGED', 'the model was quantized or dequantized while this was under way', {
    hint: 'Begin again: the model computes with its other weights from now on.',
  })

/** Opens what an earlier start compiled, or fills the model and compiles it. */
async function startSession<Session>(
  { opened, weights, isRestored }: Version,
  { compute = 'fast', memory = 'auto', threads, onProgress }: LoadModelOptions,
  open: OpenSession<Session>,
  signal: AbortSignal,
): Promise<Session> {
  const { model, cacheDtype } = opened
  // The compiled model stands for the weights of the files, not for restored ones.
  const name = isRestored ? undefined : weights.artifact
  const kept = name && (await openKept(name, open, { threads, signal }))
  if (kept) return kept
  const filled = await weights.fill(signal)
  const keeping = name && { name, description: describeArtifact(opened, weights.parameterBytes(), filled) }
  const source = { model, cacheDtype, shell: filled.shell, compute, memory }
  return compile(source, keeping, open, { threads, onProgress, signal })
}
