import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What is known of a model folder without loading the model. */
export interface FolderFacts {
  /** Bytes of the files of weights. */
  readonly weightBytes: number
  readonly format: 'safetensors' | 'gguf' | 'pytorch' | ''
  /** `model_type` of config.json, such as "llama"; empty where it is not said. */
  readonly family: string
  /** Milliseconds since 1970 when the newest file was written. */
  readonly modified: number
  /** SHA-256 of names, sizes and times of the files, as hexadecimal digits. */
  readonly digest: string
}

const FORMATS = { '.safetensors': 'safetensors', '.gguf': 'gguf', '.bin': 'pytorch' } as const

export async function readFolderFacts(folder: string): Promise<FolderFacts> {
  const hash = createHash('sha256')
  let weightBytes = 0
  let format: FolderFacts['format'] = ''
  let modified = 0
  for (const name of (await readdir(folder)).sort()) {
    // A link may lead nowhere: whoever loads the model says so, if the file is needed.
    const facts = await stat(join(folder, name)).catch(() => undefined)
    if (!facts?.isFile()) continue
    hash.update(`${name}\0${facts.size}\0${Math.floor(facts.mtimeMs)}\0`)
    modified = Math.max(modified, facts.mtimeMs)
    const ending = Object.keys(FORMATS).find((one) => name.endsWith(one))
    if (ending === undefined) continue
    weightBytes += facts.size
    format = FORMATS[ending as keyof typeof FORMATS]
  }
  return { weightBytes, format, family: await familyOf(folder), modified, digest: hash.digest('hex') }
}

async function familyOf(folder: string): Promise<string> {
  try {
    const { model_type } = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as {
      model_type?: unknown
    }
    return typeof model_type === 'string' ? model_type : ''
  } catch {
    // Whoever loads the model says what is wrong with the file.
    return ''
  }
}
