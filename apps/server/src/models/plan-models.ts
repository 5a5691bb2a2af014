import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, modelFolder, resolveModel } from 'hfquant'
import { automaticCacheMemory } from '../settings/cache-memory.js'
import type { ServerSettings } from '../settings/options.js'
import { ServerUsageError } from '../settings/resolve-settings.js'
import { usableCores } from '../settings/threads.js'
import { readFolderFacts } from './folder-facts.js'
import { GLINER_CONFIG, type ModelPlan } from './load-model.js'

/** One model of a server. */
export interface ServedModel {
  /** A model folder, a GGUF file, or the hub id of a model. */
  readonly path: string
  readonly dtype?: string | undefined
  readonly quantize?: string | undefined
}

/**
 * How the models of a server are loaded. Names of the hub are resolved here, and never on behalf of a request.
 *
 * @throws ServerUsageError when there is none; ConfigError for a template that cannot be read; HubError for a model that
 * cannot be had.
 */
export async function planModels(
  models: Readonly<Record<string, ServedModel>>,
  settings: ServerSettings,
): Promise<readonly ModelPlan[]> {
  if (Object.keys(models).length === 0) {
    throw new ServerUsageError('MODEL_MISSING', 'no model is given, expected one at least', {
      hint: 'Name a model folder, a GGUF file, or the hub id of a model.',
    })
  }
  const { chatTemplate: file, generationConfig, kvCacheDtype, threads = usableCores() } = settings
  const { maxSequences, toolFormat, reasoning } = settings
  const chatTemplate = file === undefined ? undefined : await readTemplate(file)
  const folders = await Promise.all(Object.values(models).map(({ path }) => folderOf(path)))
  const facts = await Promise.all(folders.map(readFolderFacts))
  const weightBytes = facts.reduce((sum, one) => sum + one.weightBytes, 0)
  const kvCacheMemory = settings.kvCacheMemory ?? automaticCacheMemory(weightBytes, folders.length)
  return Promise.all(
    Object.entries(models).map(async ([name, { dtype, quantize }], index) => ({
      ...{ name, generationConfig, kvCacheDtype, threads, chatTemplate, maxSequences, kvCacheMemory },
      ...{ toolFormat, reasoning, folder: folders[index]!, facts: facts[index]! },
      dtype: dtype ?? settings.dtype,
      quantize: quantize ?? settings.quantize,
    })),
  )
}

/** GLiNER has a configuration of its own, which no other model is found by. */
const folderOf = async (path: string): Promise<string> =>
  existsSync(join(path, GLINER_CONFIG)) ? path : modelFolder(await resolveModel(path))

const readTemplate = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(
      'CHAT_TEMPLATE_UNREADABLE',
      `the chat template ${file} cannot be read: ${cause.code}`,
      {
        cause,
        file,
      },
    )
  })

/** Aliases by the name that they stand for. @throws ServerUsageError for one of a model that is not there, or taken twice. */
export function aliasesOf(
  { alias }: ServerSettings,
  plans: readonly ModelPlan[],
): ReadonlyMap<string, readonly string[]> {
  const taken = new Set(plans.map(({ name }) => name))
  const aliases = new Map<string, string[]>()
  for (const pair of alias) {
    const [short = '', name = ''] = pair.split('=', 2)
    if (taken.has(short)) {
      throw new ServerUsageError('MODEL_NAME', `two models are called "${short}"`, {
        field: '--alias',
        found: short,
      })
    }
    if (!plans.some((plan) => plan.name === name)) {
      throw new ServerUsageError('MODEL_NAME', `--alias names the model "${name}", which is not served`, {
        field: '--alias',
        found: name,
      })
    }
    taken.add(short)
    aliases.set(name, [...(aliases.get(name) ?? []), short])
  }
  return aliases
}
