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
import {
  type ArtifactDescription,
  type CacheShape,
  compileArtifact,
  type DecoderSession,
  type Graph,
  openSession,
  writeArtifact,
} from '@hfquant/onnx'
import { cacheShapeOf, type LoweredSource, lowerModel } from '../../lower/lower-model.js'
import { openArtifact } from './kept.js'

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
export async function compile(
  source: LoweredSource,
  name: ArtifactName | undefined,
  options: CompileOptions,
): Promise<DecoderSession> {
  const graph = lowerModel(source)
  const cache = cacheShapeOf(source.model, source.cacheDtype)
  if (name !== undefined) {
    try {
      const artifact = await compileArtifact(cacheFolder(), graph, { ...name, ...options })
      return await openArtifact(artifact, cache, options.threads)
    } catch (error) {
      const isPlace = OutputError.isInstance(error) || RuntimeError.isInstance(error)
      if (!isPlace || options.signal.aborted) throw error
      publishWarning(`the compiled model is not kept for later starts: ${error.message}`)
    }
  }
  return openOnce(graph, cache, options)
}

async function openOnce(graph: Graph, cache: CacheShape, options: CompileOptions): Promise<DecoderSession> {
  try {
    return await openWithin(await createWorkFolder(cacheFolder()), graph, cache, options)
  } catch (error) {
    if (!OutputError.isInstance(error)) throw error
    return await openWithin(await createTemporaryFolder(), graph, cache, options)
  }
}

async function openWithin(
  work: WorkFolder,
  graph: Graph,
  cache: CacheShape,
  { threads, signal, onProgress }: CompileOptions,
): Promise<DecoderSession> {
  try {
    const modelPath = await writeArtifact(work.path, graph, { signal, onProgress })
    return await openSession({ modelPath, cache, threads })
  } finally {
    await work.remove()
  }
}
