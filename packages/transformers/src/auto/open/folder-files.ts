import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  CheckpointError,
  type JsonObject,
  publishInfo,
  publishWarning,
  readJsonFile,
} from '@hfquant/core/runtime'
import { generationWarnings } from '../../generate/index.js'
import { AutoTokenizer, type Tokenizer } from '../../tokenizer/index.js'

/** The tokenizer beside the weights; undefined when the folder has none. */
export async function findTokenizer(folder: string): Promise<Tokenizer | undefined> {
  return existsSync(join(folder, 'tokenizer.json')) ? AutoTokenizer.fromPretrained(folder) : undefined
}

/** generation_config.json, over the special tokens that config.json names. */
export async function generationDefaults(folder: string, config: JsonObject): Promise<JsonObject> {
  const path = join(folder, 'generation_config.json')
  const file = existsSync(path) ? (await readJsonFile(path)).value : {}
  const { eos_token_id, bos_token_id, pad_token_id } = config
  const named = Object.entries({ eos_token_id, bos_token_id, pad_token_id })
  return { ...Object.fromEntries(named.filter(([, value]) => value != null)), ...file }
}

/**
 * Warns of settings in generation_config.json that no generation honours, and returns the warnings. A file that cannot
 * be read is an error of the generation, not of the model.
 */
export async function settingsNotMet(folder: string, config: JsonObject): Promise<readonly string[]> {
  try {
    const { warnings, remarks } = generationWarnings(await generationDefaults(folder, config))
    for (const warning of warnings) publishWarning(warning)
    for (const remark of remarks) publishInfo(remark)
    return warnings
  } catch (error) {
    if (!CheckpointError.isInstance(error)) throw error
    return []
  }
}
