import { TokenizerFileError } from '../errors.js'
import { isObject, type JsonObject } from '../json.js'
import { wrong } from '../tokenizer-json.js'

/** A stage of tokenizer.json and the name of its field, such as `pre_tokenizer.pretokenizers[1]`. */
export interface Stage {
  readonly json: JsonObject
  readonly path: string
}

/** Stages within one another; real ones have two levels. */
const MAX_DEPTH = 32

/** A stage, or a TokenizerFileError if the field holds something else. */
export function stageAt(value: unknown, path: string): Stage {
  if (!isObject(value)) throw wrong(path, value, 'an object with "type"')
  return { json: value, path }
}

/** The stages of a sequence. */
export function stagesIn({ json, path }: Stage, field: string, depth: number): Stage[] {
  const list = json[field]
  if (!Array.isArray(list)) throw wrong(`${path}.${field}`, list, 'a list of stages')
  if (depth > MAX_DEPTH)
    throw wrong(path, 'deeper nesting', `at most ${MAX_DEPTH} sequences within one another`)
  return list.map((stage: unknown, index) => stageAt(stage, `${path}.${field}[${index}]`))
}

export function textField({ json, path }: Stage, field: string, fallback?: string): string {
  const value = json[field] ?? fallback
  if (typeof value === 'string') return value
  throw wrong(`${path}.${field}`, value, 'a string')
}

/** One Unicode character. */
export function characterField(stage: Stage, field: string): string {
  const value = textField(stage, field)
  if (Array.from(value).length === 1) return value
  throw wrong(`${stage.path}.${field}`, value, 'one character')
}

export function booleanField({ json, path }: Stage, field: string, fallback?: boolean): boolean {
  const value = json[field] ?? fallback
  if (typeof value === 'boolean') return value
  throw wrong(`${path}.${field}`, value, 'true or false')
}

/** A whole number from `least` to 2^31 - 1. */
export function countField({ json, path }: Stage, field: string, least: number, fallback?: number): number {
  const value = json[field] ?? fallback
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value < 2 ** 31) return value
  throw wrong(`${path}.${field}`, value, `a whole number from ${least} on`)
}

/** One of several words. */
export function wordField<Word extends string>(
  { json, path }: Stage,
  field: string,
  words: readonly Word[],
  fallback?: Word,
): Word {
  const value = json[field] ?? fallback
  if (words.includes(value as Word)) return value as Word
  throw wrong(`${path}.${field}`, value, `one of ${words.join(', ')}`)
}

/** The error for a stage, pattern or setting that the format does not have. */
export function unsupported(path: string, what: string, hint: string): TokenizerFileError {
  return new TokenizerFileError('TOKENIZER_UNSUPPORTED', `tokenizer.json cannot be used: ${path} ${what}`, {
    file: 'tokenizer.json',
    field: path,
    hint,
  })
}

/** The error for a stage with an unknown type. */
export function unknownStage({ json, path }: Stage): TokenizerFileError {
  const name = typeof json.type === 'string' ? `"${json.type.slice(0, 60)}"` : 'no text'
  return unsupported(path, `has the type ${name}`, 'This stage is unknown here, or the file is damaged.')
}
