import { cacheFolder, publishWarning, removeEntry } from '@hfquant/core'
import { type Artifact, type CacheShape, type DecoderSession, findArtifact, openSession } from '@hfquant/onnx'

/**
 * The model as an earlier start compiled it; undefined when there is none that can be opened.
 *
 * @throws the reason of `signal`.
 */
export async function openKept(
  key: string,
  cache: CacheShape,
  { threads, signal }: { readonly threads: number | undefined; readonly signal: AbortSignal },
): Promise<DecoderSession | undefined> {
  const artifact = await findArtifact(cacheFolder(), key, { warn: publishWarning, signal })
  if (artifact === undefined) return undefined
  try {
    return await openArtifact(artifact, cache, threads)
  } catch (error) {
    // Another process may have removed it a moment ago. Whatever it is, a fresh one is not worse.
    publishWarning(
      `the compiled model ${artifact.modelPath} cannot be opened (${(error as Error).message}); it is made again`,
    )
    await removeEntry(cacheFolder(), 'artifacts', key).catch(() => {})
    return undefined
  }
}

/** A compiled model from the cache. */
export const openArtifact = (
  { modelPath }: Pick<Artifact, 'modelPath'>,
  cache: CacheShape,
  threads: number | undefined,
): Promise<DecoderSession> => openSession({ modelPath, cache, threads, optimized: true })
