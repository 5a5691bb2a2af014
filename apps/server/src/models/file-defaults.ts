import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Settings of generation_config.json that requests may leave out. */
export interface FileDefaults {
  readonly maxNewTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  /** Tokens that end an answer, whatever else the file says. */
  readonly eosTokenIds: readonly number[]
}

/**
 * What the folder says about generating. Fields that the library would refuse are refused there, when a text is generated.
 *
 * @param honoured false: only end tokens are read.
 */
export async function readFileDefaults(folder: string, honoured: boolean): Promise<FileDefaults> {
  const config = await readObject(join(folder, 'config.json'))
  const file = await readObject(join(folder, 'generation_config.json'))
  const eos = [file.eos_token_id ?? config.eos_token_id ?? []].flat()
  const eosTokenIds = eos.filter((id): id is number => Number.isInteger(id) && (id as number) >= 0)
  if (!honoured) return { eosTokenIds }
  const numbers = Object.entries(NAMES).flatMap(([name, key]) =>
    typeof file[key] === 'number' ? [[name, file[key]]] : [],
  )
  return { ...Object.fromEntries(numbers), eosTokenIds }
}

const NAMES = {
  maxNewTokens: 'max_new_tokens',
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  repetitionPenalty: 'repetition_penalty',
}

/** An absent file says nothing; a broken one is refused by whoever needs it. */
async function readObject(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
