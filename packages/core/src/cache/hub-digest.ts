import { lstat, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { othersCanWrite } from '../files/others-can-write.js'
import { hubCacheFolder } from './hub-cache-folder.js'

/**
 * The SHA-256 of a file in the cache of the hub, which names its files by it: `models--org--name/snapshots/<commit>/…`
 * there is a link to `models--org--name/blobs/<digest>`. Anywhere else a name proves nothing, and neither does it where
 * others than the user, and root, may write the file.
 */
export async function hubDigest(path: string): Promise<string | undefined> {
  const [hub, folder, blob] = await Promise.all(
    [hubCacheFolder(), dirname(path), path].map((each) => realpath(each).catch(() => undefined)),
  )
  if (hub === undefined || folder === undefined || blob === undefined) return undefined
  const [model, snapshots, commit] = relative(hub, folder).split(sep)
  const digest = basename(blob)
  const isSnapshot = MODEL.test(model ?? '') && snapshots === 'snapshots' && COMMIT.test(commit ?? '')
  if (!isSnapshot || !SHA256.test(digest) || blob !== join(hub, model!, 'blobs', digest)) return undefined
  const found = await lstat(blob).catch(() => undefined)
  return found?.isFile() && !othersCanWrite(found) ? digest : undefined
}

const MODEL = /^models--[^/\\]+$/
const COMMIT = /^[0-9a-f]{40}$/
const SHA256 = /^[0-9a-f]{64}$/
