import {
  cacheFolder,
  createTemporaryFolder,
  createWorkFolder,
  isWorkedOn,
  type OnProgress,
  OutputError,
  publishWarning,
  RuntimeError,
  tensorBytes,
  type WorkFolder,
} from '@hfquant/core/runtime'
import {
  type ArtifactDescription,
  compileArtifact,
  type Graph,
  packLater,
  writeArtifact,
} from '@hfquant/onnx'
import { type LoweredSource, lowerModel } from '../../lower/lower-model.js'
import type { ModelName } from './name.js'
import type { OpenSession } from './open-session.js'

export interface CompileOptions {
  readonly threads: number | undefined
  /** Ends the compilation between two weights. */
  readonly signal: AbortSignal
  readonly onProgress: OnProgress | undefined
}

/** Under which name a compiled model is kept in the cache, and what is noted beside it. */
export interface Keeping {
  readonly name: ModelName
  readonly description: ArtifactDescription
}

/**
 * Lowers a filled shell to a graph, and opens it. What the runtime makes of it is kept in the cache: of a small model
 * first, of a larger one afterwards, by another process. Where that cannot be written, the model is compiled for this
 * process alone, into a folder that is gone once the runtime has mapped it.
 *
 * @param keeping undefined for a model that is not to be kept.
 * @throws OutputError when no folder can be written; RuntimeError when the runtime refuses the graph.
 */
export async function compile<Session>(
  source: LoweredSource,
  keeping: Keeping | undefined,
  open: OpenSession<Session>,
  options: CompileOptions,
): Promise<Session> {
  const graph = lowerModel(source)
  if (keeping !== undefined) {
    try {
      const openAndKeep = constantBytes(graph) <= AT_ONCE_BYTES ? openCompiled : openThenCompile
      return await openAndKeep(graph, keeping, open, options)
    } catch (error) {
      const isPlace = OutputError.isInstance(error) || RuntimeError.isInstance(error)
      if (!isPlace || options.signal.aborted) throw error
      warnNotKept(error.message)
    }
  }
  return openOnce(graph, open, options)
}

/** Constants that are packed, digested and on the disk within half a second: the first answer waits for them. */
const AT_ONCE_BYTES = 64 * 2 ** 20

const constantBytes = ({ constants }: Graph): number =>
  constants.reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0)

async function openCompiled<Session>(
  graph: Graph,
  { name, description }: Keeping,
  open: OpenSession<Session>,
  options: CompileOptions,
): Promise<Session> {
  const key = await name.key(options.signal)
  const { modelPath } = await compileArtifact(cacheFolder(), graph, { key, description, ...options })
  return open({ modelPath, threads: options.threads, optimized: true })
}

/** The runtime packs the constants for itself, in memory; another process packs them once more, for later starts. */
async function openThenCompile<Session>(
  graph: Graph,
  { name, description }: Keeping,
  open: OpenSession<Session>,
  options: CompileOptions,
): Promise<Session> {
  const cache = cacheFolder()
  const work = await createWorkFolder(cache)
  try {
    const modelPath = await writeArtifact(work.path, graph, options)
    // The runtime packs with one thread. Meanwhile this one reads the files once more, for the name.
    const naming = Promise.allSettled([name.key(options.signal)])
    const session = await open({ modelPath, threads: options.threads, optimized: false })
    const [named] = await naming
    if (options.signal.aborted) await work.remove()
    else void compileLater(cache, work, modelPath, description, named)
    return session
  } catch (error) {
    await work.remove()
    throw error
  }
}

/** Leaves the written graph to the process that compiles it, unless one is at it already. */
async function compileLater(
  cache: string,
  work: WorkFolder,
  modelPath: string,
  description: ArtifactDescription,
  named: PromiseSettledResult<string>,
): Promise<void> {
  try {
    if (named.status === 'rejected') throw named.reason
    const key = named.value
    if (await isWorkedOn(cache, key)) return
    const outcome = await packLater({ cache, modelPath, key, description })
    if (outcome.kind === 'failed') warnNotKept(outcome.message)
  } catch (error) {
    // The model is open: that it is not kept ends nothing.
    warnNotKept((error as Error).message)
  } finally {
    await work.remove().catch(() => {})
  }
}

const warnNotKept = (reason: string): void =>
  publishWarning(`the compiled model is not kept for later starts: ${reason}`)

async function openOnce<Session>(
  graph: Graph,
  open: OpenSession<Session>,
  options: CompileOptions,
): Promise<Session> {
  try {
    return await openWithin(await createWorkFolder(cacheFolder()), graph, open, options)
  } catch (error) {
    if (!OutputError.isInstance(error)) throw error
    return await openWithin(await createTemporaryFolder(), graph, open, options)
  }
}

async function openWithin<Session>(
  work: WorkFolder,
  graph: Graph,
  open: OpenSession<Session>,
  { threads, signal, onProgress }: CompileOptions,
): Promise<Session> {
  try {
    const modelPath = await writeArtifact(work.path, graph, { signal, onProgress })
    return await open({ modelPath, threads, optimized: false })
  } finally {
    await work.remove()
  }
}
