import { readdir, stat } from 'node:fs/promises'
import { isAbsolute, join, normalize, sep } from 'node:path'
import { CheckpointError, ConfigError } from '../errors/families.js'
import { listNames } from '../errors/list-names.js'
import { quote } from '../errors/quote.js'

/** Weights of a model folder, best first: as transformers has it, one file goes before an index that lies beside it. */
const WEIGHT_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const

/** What says which weights of a folder are meant. */
export interface WeightRequest {
  /** `transformers_weights` of config.json: the file or index that is read, and no other. */
  readonly named?: unknown
  /** File names to look for before the usual ones. */
  readonly preferred?: readonly string[] | undefined
}

export interface WeightFiles {
  /** The file to open: weights, or an index of several. */
  readonly path: string
  readonly warnings: readonly string[]
}

/** Endings of files that are written by pickling, or name such files. */
export const PICKLED = /\.(bin|pt|pth|ckpt)(\.index\.json)?$/

/**
 * Chooses the weights of a model folder: the file that is named, else the first of the preferred and the usual ones.
 *
 * @throws CheckpointError WEIGHTS_NOT_FOUND or WEIGHTS_PICKLED, with what would be read and what is there; ConfigError for
 * a name that is no file of the folder.
 */
export async function findWeights(
  folder: string,
  { named, preferred = [] }: WeightRequest,
): Promise<WeightFiles> {
  if (named !== undefined && named !== null) return { path: await namedWeights(folder, named), warnings: [] }
  for (const name of preferred) expectInside(name, 'model_file_base_name')
  const names = [...new Set([...preferred, ...WEIGHT_FILES])]
  const present = await thoseThatExist(folder, names)
  const [first, ...others] = present
  if (first === undefined) throw await notFound(folder, names)
  const sameKind = others.filter((name) => PICKLED.test(name) === PICKLED.test(first))
  const warnings = sameKind.map(
    (name) => `${folder} holds ${first} and ${name}: ${first} is read, the other may be of another model`,
  )
  return { path: join(folder, first), warnings }
}

/** True for a folder in which weights lie under one of the usual names. */
export const holdsWeights = async (folder: string): Promise<boolean> =>
  (await thoseThatExist(folder, WEIGHT_FILES)).length > 0

/** The weight files of a folder, for messages. */
export async function describeWeightFiles(folder: string): Promise<string> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => WEIGHTS.test(name)).sort()
  if (names.length === 0) return 'there are no weight files'
  return `the weight files there are ${listNames(names)}`
}

/** Names under which weights are kept, by any library. */
const WEIGHTS =
  /\.(safetensors|bin|pt|pth|ckpt|gguf|h5|msgpack|onnx|npz)(\.index\.json)?$|\.index\.[\w.-]*json$/

async function namedWeights(folder: string, named: unknown): Promise<string> {
  const field = 'transformers_weights'
  const isName = typeof named === 'string' && /\.safetensors(\.index\.json)?$/.test(named)
  if (!isName) {
    throw new ConfigError(
      'FIELD_VALUE',
      `config.json says ${field} ${quote(named)}, expected a file whose name ends in .safetensors or .safetensors.index.json`,
      { field, found: named, hint: 'Correct config.json, or leave the field out.' },
    )
  }
  expectInside(named, field)
  if (await isThere(join(folder, named))) return join(folder, named)
  throw new CheckpointError(
    'WEIGHTS_NOT_FOUND',
    `config.json says ${field} ${quote(named)}, which ${folder} does not hold; ${await describeWeightFiles(folder)}`,
    {
      file: join(folder, named),
      field,
      found: named,
      hint: 'Correct or remove the field in config.json, or fetch the file.',
    },
  )
}

/** @throws ConfigError WEIGHTS_PATH_ESCAPES for a name that leads out of the folder. */
function expectInside(name: string, field: string): void {
  const escapes = isAbsolute(name) || normalize(name).split(sep).includes('..') || /^[A-Za-z]:|\\/.test(name)
  if (!escapes) return
  throw new ConfigError(
    'WEIGHTS_PATH_ESCAPES',
    `the configuration says ${field} "${name}", which leads out of the model folder`,
    {
      field,
      found: name,
      expected: 'the name of a file in the folder',
      hint: 'Correct the field; the file may be hostile.',
    },
  )
}

async function notFound(folder: string, names: readonly string[]): Promise<CheckpointError> {
  const files = await readdir(folder).catch(() => [])
  const safe = files.find((name) => name.endsWith('.safetensors') && !name.startsWith('adapter_'))
  const pickled = safe === undefined ? files.find((name) => PICKLED.test(name)) : undefined
  const isAdapter = safe === undefined && files.some((name) => name.startsWith('adapter_'))
  return new CheckpointError(
    pickled === undefined || isAdapter ? 'WEIGHTS_NOT_FOUND' : 'WEIGHTS_PICKLED',
    `${folder} has none of ${names.join(', ')}; ${await describeWeightFiles(folder)}`,
    { file: folder, expected: names, hint: hintFor(safe, pickled, isAdapter) },
  )
}

function hintFor(safe: string | undefined, pickled: string | undefined, isAdapter: boolean): string {
  if (isAdapter) return 'This is an adapter, not a model: merge it into its base model first.'
  if (safe !== undefined) {
    const name = safe.replace(/-\d{5}-of-\d{5}\.safetensors$/, '.safetensors.index.json')
    return `To read other weights, name them in config.json: "transformers_weights": "${name}".`
  }
  return pickled === undefined
    ? 'Name the folder that holds config.json and the weights.'
    : 'Pickled files under other names are not opened; rename the state dict to pytorch_model.bin.'
}

async function thoseThatExist(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(names.map((name) => isThere(join(folder, name))))
  return names.filter((_, index) => found[index])
}

/** A pipe of that name counts, so that whoever opens it says what it is; a folder is none. */
const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => !found.isDirectory(),
    () => false,
  )
