import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  CapabilityError,
  CheckpointError,
  type JsonObject,
  parseJson,
  readBoolean,
  readInteger,
  readJsonFile,
  readModelFile,
  readObject,
  readString,
  toValue,
} from '@hfquant/core/runtime'
import { type Dense, readDense } from './dense.js'
import { MEAN_POOLING, type Pooling, readPooling } from './pooling.js'

/** What sentence-transformers does with hidden states, as the files of a folder say. */
export interface SentenceSettings {
  readonly pooling: Pooling
  readonly dense: readonly Dense[]
  /** Whether vectors get the length 1. */
  readonly normalizes: boolean
  /** Tokens of a text at most; longer ones are cut. */
  readonly maxLength: number | undefined
  readonly lowersCase: boolean
  /** What is put before texts, by its purpose. */
  readonly prompts: Readonly<Record<string, string>>
  readonly defaultPrompt: string | undefined
}

export const MODULES_FILE = 'modules.json'
const MAX_BYTES = 2 ** 20
/** Each may have weights, which are read. */
const MAX_MODULES = 16

/**
 * Reads modules.json of a folder, and the files that it names. A folder without one is pooled by the mean, as the library
 * does.
 *
 * @param hiddenSize width of the vectors of tokens.
 * @throws CapabilityError SENTENCE_MODULE for a module that is not offered; ConfigError or CheckpointError for files that
 * cannot be read, or do not fit each other.
 */
export async function readSentenceSettings(folder: string, hiddenSize: number): Promise<SentenceSettings> {
  const config = await readOptional(folder, 'config_sentence_transformers.json')
  const transformer = await readOptional(folder, 'sentence_bert_config.json')
  const modules = existsSync(join(folder, MODULES_FILE)) ? await readModules(folder) : []
  const behind = modules.filter(({ type }) => type !== 'Transformer')
  let pooling = MEAN_POOLING
  const dense: Dense[] = []
  let normalizes = false
  for (const { type, path } of behind) {
    // Lengths are taken of the last vector only: what a module would do to one of length 1 is not offered.
    if (normalizes) throw notOffered(folder, `${type} behind Normalize`)
    const read = async () => (await readJsonFile(join(folder, path, 'config.json'))).value
    if (type === 'Pooling' && dense.length === 0) pooling = readPooling(await read())
    else if (type === 'Dense') {
      const width = dense.at(-1)?.outFeatures ?? pooling.modes.length * hiddenSize
      dense.push(await readDense(join(folder, path), await read(), width))
    } else if (type === 'Normalize') normalizes = true
    else throw notOffered(folder, type)
  }
  const maxLength = readInteger(transformer, 'max_seq_length', 0)
  return {
    ...{ pooling, dense, normalizes, maxLength: maxLength > 0 ? maxLength : undefined },
    lowersCase: readBoolean(transformer, 'do_lower_case', false),
    prompts: textsIn(readObject(config, 'prompts', {})),
    defaultPrompt: readString(config, 'default_prompt_name', '') || undefined,
  }
}

const textsIn = (json: JsonObject): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(json).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )

async function readOptional(folder: string, name: string): Promise<JsonObject> {
  const path = join(folder, name)
  return existsSync(path) ? (await readJsonFile(path)).value : {}
}

interface SentenceModule {
  /** The last part of the name of its class. */
  readonly type: string
  /** Of its folder. */
  readonly path: string
}

/** A folder of the model folder. */
const FOLDER = /^[A-Za-z0-9_-]*$/

async function readModules(folder: string): Promise<readonly SentenceModule[]> {
  const file = join(folder, MODULES_FILE)
  const bytes = await readModelFile(folder, MODULES_FILE, { maxBytes: MAX_BYTES })
  const list = toValue(parsed(bytes, file))
  if (!Array.isArray(list) || list.length > MAX_MODULES) {
    throw invalid(file, `no list of at most ${MAX_MODULES} modules`)
  }
  return list.map((item: unknown, index) => {
    const { type, path } = (item ?? {}) as { readonly type?: unknown; readonly path?: unknown }
    if (typeof type !== 'string' || typeof path !== 'string' || !FOLDER.test(path)) {
      throw invalid(file, `modules[${index}] without a type, or with a path that is no folder beside it`)
    }
    return { type: type.split('.').at(-1)!, path }
  })
}

function parsed(bytes: Uint8Array, file: string): ReturnType<typeof parseJson> {
  try {
    return parseJson(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw invalid(file, `no JSON (${(cause as Error).message})`)
  }
}

const invalid = (file: string, found: string): CheckpointError =>
  new CheckpointError('JSON_INVALID', `${file} holds ${found}`, {
    file,
    hint: 'The file is not what its name says; download it again.',
  })

const notOffered = (folder: string, type: string): CapabilityError =>
  new CapabilityError('SENTENCE_MODULE', `${join(folder, MODULES_FILE)}: a module ${type} is not offered`, {
    file: join(folder, MODULES_FILE),
    found: type,
    expected: ['Transformer', 'Pooling', 'Dense', 'Normalize'],
    hint: 'Take hidden states with encode, and compute what stands behind them.',
  })
