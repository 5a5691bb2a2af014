import {
  cacheFolder,
  createScratchFolder,
  createTemporaryFolder,
  type OnProgress,
  OutputError,
  publishWarning,
  RuntimeError,
  type WorkFolder,
} from '@hfquant/core'
import {
  type Artifact,
  type ArtifactDescription,
  type CacheShape,
  compileArtifact,
  type DecoderSession,
  findArtifact,
  type Graph,
  openSession,
  removeArtifact,
  writeArtifact,
} from '@hfquant/onnx'
import { cacheShapeOf, type LoweredSource, lowerModel } from '../../lower/lower-model.js'

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

/** The model as an earlier start compiled it; undefined when there is none that can be opened. */
export async function openKept(
  key: string,
  cache: CacheShape,
  threads: number | undefined,
): Promise<DecoderSession | undefined> {
  const artifact = await findArtifact(cacheFolder(), key, publishWarning)
  if (artifact === undefined) return undefined
  try {
    return await openArtifact(artifact, cache, threads)
  } catch (error) {
    // Another process may have removed it a moment ago. Whatever it is, a fresh one is not worse.
    publishWarning(
      `the compiled model ${artifact.modelPath} cannot be opened (${(error as Error).message}); it is made again`,
    )
    await removeArtifact(cacheFolder(), key).catch(() => {})
    return undefined
  }
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
    return await openWithin(await createScratchFolder(cacheFolder()), graph, cache, options)
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

const openArtifact = (
  { modelPath }: Pick<Artifact, 'modelPath'>,
  cache: CacheShape,
  threads: number | undefined,
) => openSession({ modelPath, cache, threads, optimized: true })
