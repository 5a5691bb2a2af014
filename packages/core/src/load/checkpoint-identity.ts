import { createHash } from 'node:crypto'
import { cacheFolder } from '../cache/cache-folder.js'
import { fileDigests } from '../cache/file-digests.js'
import { hubDigest } from '../cache/hub-digest.js'
import type { Checkpoint } from './checkpoint.js'

/**
 * What tells one checkpoint from every other: its headers, and what its files hold. Where they lie makes no difference,
 * so a model that is moved keeps its identity, and neither do their times, which archives set as they like.
 *
 * Each file is read once; its digest is noted beside inode, size and times. Of a file in the cache of the hub the digest
 * is its name, which is made another way: the copy of such a model in another place is another checkpoint.
 *
 * @throws the reason of `signal`
 */
export async function checkpointIdentity(checkpoint: Checkpoint, signal?: AbortSignal): Promise<string> {
  const tensors = [...checkpoint.tensors.values()]
  const files = new Map(tensors.map(({ file, fd }) => [file, fd]))
  const digests = fileDigests(cacheFolder())
  const hash = createHash('sha256')
  for (const [path, fd] of files) {
    hash.update(JSON.stringify((await hubDigest(path)) ?? (await digests.of(fd, signal))))
  }
  const paths = [...files.keys()]
  for (const { name, dtype, shape, file, position, byteLength } of tensors) {
    hash.update(JSON.stringify([name, dtype, shape, paths.indexOf(file), position, byteLength]))
  }
  return hash.digest('hex')
}
