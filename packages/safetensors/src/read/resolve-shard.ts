import { realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { fileError, quote, SafetensorsError } from '../errors.js'
import { isHubBlob } from './hub-blob.js'

/**
 * Path of a shard, after following links to make sure that they do not lead out of the folder.
 *
 * The download cache of the Hugging Face libraries keeps files as `models--<id>/blobs/<digest>` and links to them from
 * `snapshots/<revision>` beside, or from a folder into which they were told to download: no other place outside of the
 * folder is allowed.
 *
 * @throws {@link SafetensorsError} FILE_NOT_FOUND, INDEX_PATH_ESCAPES
 */
export async function resolveShard(folder: string, shard: string, indexPath: string): Promise<string> {
  const path = join(folder, shard)
  const [realFolder, target] = await Promise.all([realpath(folder), realpath(path)]).catch(
    (cause: unknown) => {
      if ((cause as { code?: unknown } | null)?.code !== 'ENOENT') throw fileError(cause, path, 'read')
      throw new SafetensorsError('FILE_NOT_FOUND', `${path} does not exist, but ${indexPath} names it`, {
        file: path,
        cause,
      })
    },
  )
  const isInside = allowedFolders(realFolder).some((allowed) => target.startsWith(allowed + sep))
  if (isInside || isHubBlob(target)) return path
  throw new SafetensorsError(
    'INDEX_PATH_ESCAPES',
    `${indexPath} names the shard ${quote(shard)}, which is a link to a file outside ${folder}`,
    { file: indexPath },
  )
}

function allowedFolders(folder: string): string[] {
  const own = folder.endsWith(sep) ? folder.slice(0, -1) : folder
  const parent = dirname(own)
  return basename(parent) === 'snapshots' ? [own, join(dirname(parent), 'blobs')] : [own]
}
