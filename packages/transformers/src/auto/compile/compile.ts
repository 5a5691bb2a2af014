import {
  cacheFolder,
  createTemporaryFolder,
  createWorkFolder,
  type OnProgress,
  OutputError,
  publishWarning,
  RuntimeError,
  type WorkFolder,
} from '@hfquant/core'
import { type ArtifactDescription, compileArtifact, type Graph, writeArtifact } from '@hfquant/onnx'
import { type LoweredSource, lowerModel } from '../../lower/lower-model.js'
import type { OpenSession } from './open-session.js'

export interface CompileOptions {
  readonly threads: number | undefined
  /** Ends the compilation between two weights. */
  readonly signal: AbortSignal
  readonly onProgress: OnProgress | undefined
}

/** Under which name a compiled model is kept in the cache, and what is noted beside it. */
export interface ArtifactName {
  readonly key: string
  readonly description: ArtifactDescription
}

/**
 * Lowers a filled shell to a graph, keeps what the runtime makes of it in the cache, and opens it from there. Where that
 * cannot be written, the model is compiled for this process alone, into a folder that is gone once the runtime has
 * mapped it.
 *
 * @param name undefined for a model that is not to be kept.
 * @throws OutputError when no folder can be written; RuntimeError when the runtime refuses the graph.
 */
export async function compile<Session>(
  source: LoweredSource,
  name: ArtifactName | undefined,
  open: OpenSession<Session>,
  options: CompileOptions,
): Promise<Session> {
  const graph = lowerModel(source)
  if (name !== undefined) {
    try {
      const { modelPath } = await compileArtifact(cacheFolder(), graph, { ...name, ...options })
      return await open({ modelPath, threads: options.threads, optimized: true })
    } catch (error) {
      const isPlace = OutputError.isInstance(error) || RuntimeError.isInstance(error)
      if (!isPlace || options.signal.aborted) throw error
      publishWarning(`the compiled model is not kept for later starts: ${error.message}`)
    }
  }
  return openOnce(graph, open, options)
}

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
