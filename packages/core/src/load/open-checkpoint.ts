import { basename, join, relative } from 'node:path'
import { CheckpointError } from '../errors/families.js'
import { publishInfo } from '../report/info.js'
import type { Checkpoint } from './checkpoint.js'
import { checkModelFile, leavingLink } from './model-file.js'
import { openSafetensorsFiles } from './safetensors-files.js'
import { openTorchFiles } from './torch-files.js'
import { describeWeightFiles, findWeights, PICKLED, type WeightRequest } from './weight-files.js'

/**
 * Opens the weights of a model folder: one file before an index, safetensors before pickled files, unless others are asked
 * for. Reads headers only.
 *
 * Weights are often kept on another disk and linked into the folder. A link under one of these names may lead anywhere, since
 * what it leads to is read as weights or not at all, and never copied as it is; an info event says where. An index, and the
 * shards that it names, lie in the folder like every other file: see `readModelFile`.
 *
 * @throws CheckpointError WEIGHTS_NOT_FOUND, WEIGHTS_PICKLED, or FILE_NOT_FOUND for a shard; ConfigError for a file that is
 * named and cannot be meant; any error of @hfquant/safetensors or @hfquant/torch-checkpoint for a damaged or hostile file.
 */
export async function openCheckpoint(folder: string, request: WeightRequest = {}): Promise<Checkpoint> {
  const { path, warnings } = await findWeights(folder, request)
  const name = relative(folder, path)
  if (name.endsWith('.json')) await checkModelFile(folder, name)
  else await sayWhereLinkLeads(folder, name)
  const open = PICKLED.test(path) ? openTorchFiles : openSafetensorsFiles
  try {
    return { ...(await open(path, folder)), warnings }
  } catch (cause) {
    const { code, file } = cause as { readonly code?: string; readonly file?: string }
    if (code !== 'FILE_NOT_FOUND' || file === undefined || !path.endsWith('.json')) throw cause
    throw await shardMissing(path, file, folder, cause)
  }
}

async function sayWhereLinkLeads(folder: string, name: string): Promise<void> {
  const target = await leavingLink(folder, name)
  if (target !== undefined) publishInfo(`${join(folder, name)} is a link to ${target}`)
}

const shardMissing = async (index: string, shard: string, folder: string, cause: unknown) =>
  new CheckpointError(
    'FILE_NOT_FOUND',
    `${index} names ${basename(shard)}, which is not there; ${await describeWeightFiles(folder)}`,
    {
      file: shard,
      hint: 'Fetch the missing files; or remove the index, if it belongs to another model than the weights there.',
      cause,
    },
  )
