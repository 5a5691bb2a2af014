import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TokenizerFileError } from './errors.js'
import { isObject, type JsonObject } from './json.js'

/** Vocabularies of 256 000 tokens with merges take about 35 MB; beyond this a file is not a tokenizer. */
const MAX_TOKENIZER_BYTES = 256 * 1024 * 1024
/** Configurations and templates are a few kilobytes; some list every added token. */
const MAX_SMALL_FILE_BYTES = 16 * 1024 * 1024

/** The contents of a tokenizer folder, parsed but not yet checked beyond "is an object". */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: JsonObject
  /** tokenizer_config.json; empty when absent. */
  readonly config: JsonObject
  /** special_tokens_map.json; empty when absent. */
  readonly specialTokensMap: JsonObject
  /** chat_template.jinja as "default" and additional_chat_templates/NAME.jinja as NAME. */
  readonly templateFiles: ReadonlyMap<string, string>
}

/** Reads every tokenizer file of a folder. Throws TokenizerFileError. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const tokenizer = await readJson(join(folder, 'tokenizer.json'), MAX_TOKENIZER_BYTES)
  if (tokenizer === undefined) {
    throw new TokenizerFileError('TOKENIZER_FILE_MISSING', `there is no tokenizer.json in ${folder}`, {
      file: join(folder, 'tokenizer.json'),
      hint: 'Download tokenizer.json, or convert an older tokenizer with save_pretrained of a fast tokenizer in Python.',
    })
  }
  return {
    tokenizer,
    config: (await readJson(join(folder, 'tokenizer_config.json'), MAX_SMALL_FILE_BYTES)) ?? {},
    specialTokensMap: (await readJson(join(folder, 'special_tokens_map.json'), MAX_SMALL_FILE_BYTES)) ?? {},
    templateFiles: await readTemplateFiles(folder),
  }
}

async function readTemplateFiles(folder: string): Promise<Map<string, string>> {
  const templates = new Map<string, string>()
  const main = await readText(join(folder, 'chat_template.jinja'), MAX_SMALL_FILE_BYTES)
  if (main !== undefined) templates.set('default', main)
  const more = join(folder, 'additional_chat_templates')
  for (const name of await listFiles(more)) {
    if (!name.endsWith('.jinja')) continue
    const text = await readText(join(more, name), MAX_SMALL_FILE_BYTES)
    if (text !== undefined) templates.set(name.slice(0, -'.jinja'.length), text)
  }
  return templates
}

async function readJson(file: string, limit: number): Promise<JsonObject | undefined> {
  const text = await readText(file, limit)
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TokenizerFileError('TOKENIZER_FILE_NOT_JSON', `${file} is not valid JSON: ${reason}`, {
      file,
      cause,
      hint: 'The download may be incomplete, or a Git LFS pointer was saved in place of the file.',
    })
  }
  if (!isObject(value)) {
    throw new TokenizerFileError('TOKENIZER_FILE_INVALID', `${file} does not hold a JSON object`, {
      file,
      expected: 'an object',
      hint: 'Compare the file with the one in the original repository.',
    })
  }
  return value
}

/** Text without a byte order mark, or undefined when there is no such file. */
async function readText(file: string, limit: number): Promise<string | undefined> {
  try {
    const { size } = await stat(file)
    if (size > limit) {
      throw new TokenizerFileError(
        'TOKENIZER_FILE_TOO_LARGE',
        `${file} has ${size} bytes, the limit is ${limit}`,
        {
          file,
          found: size,
          expected: limit,
          hint: 'Check that the file is what its name says.',
        },
      )
    }
    const text = await readFile(file, 'utf8')
    return text.startsWith('\uFEFF') ? text.slice(1) : text
  } catch (cause) {
    return absentOrThrow(file, cause)
  }
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (cause) {
    return absentOrThrow(folder, cause) ?? []
  }
}

function absentOrThrow(file: string, cause: unknown): undefined {
  if (TokenizerFileError.isInstance(cause)) throw cause
  const code = (cause as { code?: unknown }).code
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
  throw new TokenizerFileError('TOKENIZER_FILE_UNREADABLE', `${file} could not be read (${String(code)})`, {
    file,
    cause,
    hint: 'Check the permissions of the file.',
  })
}
