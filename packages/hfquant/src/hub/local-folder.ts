import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { CheckpointError, closestName, configFolders } from '@hfquant/core/runtime'
import { findGguf, isGguf } from '@hfquant/transformers'
import { isFileOfModel } from './model-id.js'
import { MODEL_CONFIGS, type WantedFiles } from './needed-files.js'

/**
 * True if `model` is a folder, or a GGUF file, that can be loaded from, false if it may be the name of a model on the hub.
 *
 * @throws CheckpointError `MODEL_FOLDER_MISSING`, `CONFIG_MISSING` for a path that is neither
 */
export async function isLocalFolder(model: string, wanted: WantedFiles): Promise<boolean> {
  const found = await stat(model).catch(() => undefined)
  if (found?.isDirectory()) {
    // A tokenizer says itself what its folder lacks; a GGUF file has its configuration within itself.
    const isWhole =
      wanted === 'tokenizer' || (await hasConfig(model)) || (await findGguf(model)) !== undefined
    if (!isWhole) throw configMissing(model)
    return true
  }
  if (found && isGguf(model)) return true
  if (!found && !(await isPath(model))) return false
  const state = found ? 'is a file' : 'does not exist'
  const similar = found ? undefined : await similarModel(model)
  const hubName = isGguf(model) ? 'a file of the hub like "org/name/model.gguf"' : 'a hub id like "org/name"'
  throw new CheckpointError(
    'MODEL_FOLDER_MISSING',
    `"${model}" ${state}; expected the folder of a model, or a GGUF file`,
    {
      file: model,
      hint: `${didYouMean(similar)}Check the path, or give ${hubName}.`,
    },
  )
}

/**
 * True for a name that can be nothing but a path. A GGUF file of the hub is named behind the id of its repository; where that
 * would be a folder, the folder is meant.
 */
async function isPath(model: string): Promise<boolean> {
  if (isAbsolute(model) || /^[.~]|\\|:/.test(model)) return true
  if (!isGguf(model)) return false
  const folder = await stat(dirname(model)).catch(() => undefined)
  return !isFileOfModel(model) || folder?.isDirectory() === true
}

async function hasConfig(folder: string): Promise<boolean> {
  const paths = configFolders(folder).flatMap((parent) => MODEL_CONFIGS.map((name) => join(parent, name)))
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)))
  return found.some((file) => file?.isFile())
}

function configMissing(model: string): CheckpointError {
  return new CheckpointError('CONFIG_MISSING', `the folder "${model}" has no config.json`, {
    file: join(model, 'config.json'),
    hint: 'Give the folder that holds config.json and the weights of a model.',
  })
}

/** A third of the letters may differ; more is another word. */
const LETTERS_PER_MISTAKE = 3
/** A folder with more entries is not searched to the end. */
const MAX_ENTRIES = 10_000

/** The folder or GGUF file beside the place that `model` names whose name is most like it. */
export async function similarModel(model: string): Promise<string | undefined> {
  const parent = dirname(model)
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => [])
  const models = entries
    .slice(0, MAX_ENTRIES)
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink() || isGguf(entry.name))
  const name = basename(model)
  const most = Math.max(1, Math.floor(name.length / LETTERS_PER_MISTAKE))
  const closest = closestName(
    name,
    models.map((entry) => entry.name),
    most,
  )
  return closest === undefined ? undefined : join(parent, closest)
}

/** A sentence for the beginning of a hint; empty without a similar model. */
export const didYouMean = (similar: string | undefined): string =>
  similar === undefined ? '' : `Did you mean the ${isGguf(similar) ? 'file' : 'folder'} "${similar}"? `
