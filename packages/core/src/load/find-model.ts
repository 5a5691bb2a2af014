import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { JsonObject } from '../contract/json.js'
import { configFiles } from '../dispatch/registry.js'
import { CheckpointError } from '../errors/families.js'
import { type JsonFile, readJsonFile } from '../json/read-json-file.js'
import { holdsWeights } from './weight-files.js'

/** Where the parts of a model lie. */
export interface FoundModel {
  /** Holds config.json, and the tokenizer and generation files beside it. */
  readonly folder: string
  readonly weightsFolder: string
  readonly configFile: JsonFile
  /** The quantization block, and the file that holds it. */
  readonly quantization: { readonly json: JsonObject; readonly path: string } | undefined
  readonly warnings: readonly string[]
}

/**
 * Finds the configuration and the weights of a model folder, or of one of its checkpoints.
 *
 * A checkpoint in a folder called "checkpoints" may leave config.json, or the quantization block in it, to the model
 * folder two levels up. A model folder without weights of its own stands for its latest checkpoint. Otherwise the folder
 * that was named is the one that is used.
 *
 * @param configName what the file is called that is config.json in most models.
 * @throws CheckpointError when no config.json can be read; a damaged one is a warning as long as there is another.
 */
export async function findModel(folder: string, configName = 'config.json'): Promise<FoundModel> {
  const weightsFolder = (await holdsWeights(folder)) ? folder : ((await latestCheckpoint(folder)) ?? folder)
  const folders = configFolders(weightsFolder)
  const configs: JsonFile[] = []
  const failures: CheckpointError[] = []
  for (const candidate of folders) {
    try {
      configs.push(renameBlock(await readJsonFile(join(candidate, configName), CONFIG_HINT)))
    } catch (error) {
      if (!CheckpointError.isInstance(error)) throw error
      failures.push(error)
    }
  }
  const [configFile] = configs
  if (configFile === undefined) throw failures[0]!
  const warnings = failures.filter(({ code }) => code !== 'FILE_NOT_FOUND').map(({ message }) => message)
  return {
    folder: dirname(configFile.path),
    weightsFolder,
    configFile,
    quantization: await findBlock(configs, folders),
    warnings,
  }
}

/** The block, and what it was called before 2025 by one of the libraries that write it. */
const [BLOCK, OLDER_BLOCK] = ['quantization_config', 'compression_config']

/** The file with one block, under its current name, for whoever reads it and for whoever writes it back. */
function renameBlock(file: JsonFile): JsonFile {
  if (!(OLDER_BLOCK in file.value)) return file
  const [kept, dropped] = file.value[BLOCK] == null ? [OLDER_BLOCK, BLOCK] : [BLOCK, OLDER_BLOCK]
  const renamed = <Value>(entries: Iterable<readonly [string, Value]>) =>
    [...entries]
      .filter(([key]) => key !== dropped)
      .map(([key, value]): [string, Value] => [key === kept ? BLOCK : key, value])
  return {
    path: file.path,
    value: Object.fromEntries(renamed(Object.entries(file.value))),
    document: { ...file.document, entries: new Map(renamed(file.document.entries)) },
  }
}

const CONFIG_HINT = 'Name a model folder, or a model of the hub as "organisation/name".'

const CHECKPOINTS = 'checkpoints'

/** Where config.json of a model or of a checkpoint may be, best first. */
export function configFolders(folder: string): readonly string[] {
  const parent = dirname(resolve(folder))
  return basename(parent) === CHECKPOINTS ? [folder, dirname(parent)] : [folder]
}

/** Files of their own in which older tools kept the block. */
const SIDECARS = ['quantize_config.json', 'quant_config.json', 'quantization_config.json']

/** Names of all files beside config.json that say how a model is quantized. */
export const quantizationFiles = (): readonly string[] => [
  ...SIDECARS,
  ...configFiles().map(({ name }) => name),
]

async function findBlock(
  configs: readonly JsonFile[],
  folders: readonly string[],
): Promise<FoundModel['quantization']> {
  for (const { path, value } of configs) {
    const block = value[BLOCK]
    if (block !== undefined && block !== null) return { json: block as JsonObject, path }
  }
  const others = [
    ...SIDECARS.map((name) => ({ name, blockOf: (json: JsonObject) => json })),
    ...configFiles().map(({ name, key, quantMethod }) => ({
      name,
      blockOf: (json: JsonObject) => ({ quant_method: quantMethod, [key]: json }),
    })),
  ]
  for (const folder of folders) {
    for (const { name, blockOf } of others) {
      const path = join(folder, name)
      const json = await readIfThere(path)
      if (json !== undefined) return { json: blockOf(json), path }
    }
  }
  return undefined
}

async function readIfThere(path: string): Promise<JsonObject | undefined> {
  try {
    return (await readJsonFile(path)).value
  } catch (error) {
    if (!CheckpointError.isInstance(error) || error.code !== 'FILE_NOT_FOUND') throw error
    return undefined
  }
}

/** The checkpoint whose manifest was written last; among those without one, that of the last training step. */
async function latestCheckpoint(folder: string): Promise<string | undefined> {
  const parent = join(folder, CHECKPOINTS)
  const found: { path: string; written: number; step: number }[] = []
  for (const name of await readdir(parent).catch(() => [])) {
    const path = join(parent, name)
    if (!(await holdsWeights(path))) continue
    const manifest = await stat(join(path, 'checkpoint_manifest.json')).catch(() => undefined)
    found.push({ path, written: manifest?.mtimeMs ?? 0, step: Number(/\d+$/.exec(name)?.[0] ?? -1) })
  }
  return found.sort((a, b) => b.written - a.written || b.step - a.step)[0]?.path
}
