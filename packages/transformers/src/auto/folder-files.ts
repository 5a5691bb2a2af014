import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type JsonObject, readJsonFile } from '@hfquant/core'
import { AutoTokenizer, type Tokenizer } from '../tokenizer/index.js'

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
