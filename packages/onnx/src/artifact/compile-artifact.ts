import { createWorkFolder } from '@hfquant/core/runtime'
import type { Graph } from '../graph/graph.js'
import type { Artifact } from './artifact-cache.js'
import { type PackOptions, packArtifact } from './pack-artifact.js'
import { type ArtifactOptions, writeArtifact } from './write-artifact.js'

export interface CompileArtifactOptions extends ArtifactOptions, PackOptions {}

/**
 * Writes a graph with its constants, lets the runtime pack them for its kernels, and puts the result into the cache.
 *
 * @throws OutputError when the cache cannot be written or the disk is full; RuntimeError SESSION_FAILED when the runtime
 * refuses the graph, ARTIFACT_SHORT when it could not write; the reason of `signal`.
 */
export async function compileArtifact(
  cache: string,
  graph: Graph,
  { onProgress, ...options }: CompileArtifactOptions,
): Promise<Pick<Artifact, 'modelPath'>> {
  const work = await createWorkFolder(cache)
  try {
    const modelPath = await writeArtifact(work.path, graph, { signal: options.signal, onProgress })
    return await packArtifact(cache, modelPath, options)
  } finally {
    await work.remove()
  }
}
