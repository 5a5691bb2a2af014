import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError, parseJsonValue, readModelFile } from '@hfquant/core/runtime'
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
  /** added_tokens.json, ids by token; empty when absent. */
  readonly addedTokens: JsonObject
  /** chat_template.jinja as "default" and additional_chat_templates/NAME.jinja as NAME. */
  readonly templateFiles: ReadonlyMap<string, string>
}

/** Reads every tokenizer file of a folder. Throws TokenizerFileError. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const tokenizer = await readJson(folder, 'tokenizer.json', MAX_TOKENIZER_BYTES)
  if (tokenizer === undefined) {
    throw new TokenizerFileError('TOKENIZER_FILE_MISSING', `there is no tokenizer.json in ${folder}`, {
      file: join(folder, 'tokenizer.json'),
      hint: 'Download tokenizer.json, or convert an older tokenizer with save_pretrained of a fast tokenizer in Python.',
    })
  }
  return {
    tokenizer,
    config: (await readJson(folder, 'tokenizer_config.json', MAX_SMALL_FILE_BYTES)) ?? {},
    addedTokens: (await readJson(folder, 'added_tokens.json', MAX_SMALL_FILE_BYTES)) ?? {},
    specialTokensMap: (await readJson(folder, 'special_tokens_map.json', MAX_SMALL_FILE_BYTES)) ?? {},
    templateFiles: await readTemplateFiles(folder),
  }
}

const ADDITIONAL = 'additional_chat_templates'

async function readTemplateFiles(folder: string): Promise<Map<string, string>> {
  const templates = new Map<string, string>()
  const main = await readText(folder, 'chat_template.jinja', MAX_SMALL_FILE_BYTES)
  if (main !== undefined) templates.set('default', main)
  for (const name of await listFiles(join(folder, ADDITIONAL))) {
    if (!name.endsWith('.jinja')) continue
    const text = await readText(folder, join(ADDITIONAL, name), MAX_SMALL_FILE_BYTES)
    if (text !== undefined) templates.set(name.slice(0, -'.jinja'.length), text)
  }
  return templates
}

async function readJson(folder: string, name: string, maxBytes: number): Promise<JsonObject | undefined> {
  const text = await readText(folder, name, maxBytes)
  if (text === undefined) return undefined
  const file = join(folder, name)
  if (isTooDeep(text)) {
    throw new TokenizerFileError(
      'TOKENIZER_FILE_INVALID',
      `${file} has more than ${MAX_DEPTH} levels of lists and objects`,
      { file, expected: MAX_DEPTH, hint: 'No tokenizer is built like this; do not trust the file.' },
    )
  }
  let value: unknown
  try {
    value = parseJsonValue(text)
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

/** Stages of a tokenizer may hold others; what comes later walks through them by recursion. */
const MAX_DEPTH = 64

/** Looks at the text, because the values of a large vocabulary are many and most of its text is in strings. */
function isTooDeep(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const symbol = text[at]
    if (symbol === '"') at = endOfString(text, at)
    else if (symbol === '[' || symbol === '{') {
      if (++depth > MAX_DEPTH) return true
    } else if (symbol === ']' || symbol === '}') depth--
  }
  return false
}

/** Where the quote is that ends a string; the end of the text when there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text[end - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}

/** Text without a byte order mark, or undefined when there is no such file. */
async function readText(folder: string, name: string, maxBytes: number): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await readModelFile(folder, name, { maxBytes }))
  } catch (cause) {
    if (!CheckpointError.isInstance(cause)) throw cause
    const { code, message, file, hint, found, expected } = cause
    if (code === 'FILE_NOT_FOUND') return undefined
    throw new TokenizerFileError(`TOKENIZER_${code}`, message, { file, hint, found, expected, cause })
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
