import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError } from '../errors/families.js'
import { publishInfo } from '../report/info.js'
import type { Checkpoint } from './checkpoint.js'
import { checkModelFile, leavingLink } from './model-file.js'
import { openSafetensorsFiles } from './safetensors-files.js'
import { openTorchFiles } from './torch-files.js'

/** Weights of a model folder, best first. */
const WEIGHT_FILES = [
  'model.safetensors.index.json',
  'model.safetensors',
  'pytorch_model.bin.index.json',
  'pytorch_model.bin',
] as const

/**
 * Opens the weights of a model folder: the first of `WEIGHT_FILES`. Reads headers only.
 *
 * Weights are often kept on another disk and linked into the folder. A link under one of these names may lead anywhere, since
 * what it leads to is read as weights or not at all, and never copied as it is; an info event says where. An index, and the
 * shards that it names, lie in the folder like every other file: see `readModelFile`.
 *
 * @param preferred file names to look for before those.
 * @throws CheckpointError WEIGHTS_NOT_FOUND or WEIGHTS_PICKLED; any error of @hfquant/safetensors or
 * @hfquant/torch-checkpoint for a damaged or hostile file.
 */
export async function openCheckpoint(folder: string, preferred: readonly string[] = []): Promise<Checkpoint> {
  const name = await findWeights(folder, preferred)
  const path = join(folder, name)
  if (name.endsWith('.json')) await checkModelFile(folder, name)
  else await sayWhereLinkLeads(folder, name)
  return PICKLED.test(path) ? openTorchFiles(path, folder) : openSafetensorsFiles(path, folder)
}

/** True for a folder in which `openCheckpoint` finds weights under one of the usual names. */
export async function holdsWeights(folder: string): Promise<boolean> {
  return (await firstThatExists(folder, WEIGHT_FILES)) !== undefined
}

/** Endings of files that are written by pickling, or name such files. */
const PICKLED = /\.(bin|pt|pth|ckpt)(\.index\.json)?$/

async function sayWhereLinkLeads(folder: string, name: string): Promise<void> {
  const target = await leavingLink(folder, name)
  if (target !== undefined) publishInfo(`${join(folder, name)} is a link to ${target}`)
}

/** The name of the file to open. */
async function findWeights(folder: string, preferred: readonly string[]): Promise<string> {
  const found = await firstThatExists(folder, [...preferred, ...WEIGHT_FILES])
  if (found !== undefined) return found
  const pickled = (await readdir(folder).catch(() => [])).find((name) => PICKLED.test(name))
  const other = pickled === undefined ? '' : `, only ${pickled}`
  throw new CheckpointError(
    pickled === undefined ? 'WEIGHTS_NOT_FOUND' : 'WEIGHTS_PICKLED',
    `${folder} has none of ${WEIGHT_FILES.join(', ')}${other}`,
    {
      file: folder,
      expected: WEIGHT_FILES,
      hint:
        pickled === undefined
          ? 'Name the folder that holds config.json and the weights.'
          : 'Pickled files under other names are not opened; rename the state dict to pytorch_model.bin.',
    },
  )
}

async function firstThatExists(folder: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    if (await exists(join(folder, name))) return name
  }
  return undefined
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
