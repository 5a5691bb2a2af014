import { cacheFolder, publishWarning, removeEntry } from '@hfquant/core/runtime'
import { findArtifact } from '@hfquant/onnx'
import type { ModelName } from './name.js'
import type { OpenSession } from './open-session.js'

/**
 * The model as an earlier start compiled it; undefined when there is none that can be opened.
 *
 * @throws the reason of `signal`.
 */
export async function openKept<Session>(
  name: ModelName,
  open: OpenSession<Session>,
  { threads, signal }: { readonly threads: number | undefined; readonly signal: AbortSignal },
): Promise<Session | undefined> {
  if (!(await name.mayBeKept())) return undefined
  const key = await name.key(signal)
  const artifact = await findArtifact(cacheFolder(), key, { warn: publishWarning, signal })
  if (artifact === undefined) return undefined
  try {
    return await open({ modelPath: artifact.modelPath, threads, optimized: true })
  } catch (error) {
    // Another process may have removed it a moment ago. Whatever it is, a fresh one is not worse.
    publishWarning(
      `the compiled model ${artifact.modelPath} cannot be opened (${(error as Error).message}); it is made again`,
    )
    await removeEntry(cacheFolder(), 'artifacts', key).catch(() => {})
    return undefined
  }
}
