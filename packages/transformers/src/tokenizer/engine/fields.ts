import { TokenizerFileError } from '../errors.js'
import { isObject, type JsonObject } from '../json.js'
import { wrong } from '../tokenizer-json.js'

/** A stage of tokenizer.json and the name of its field, such as `pre_tokenizer.pretokenizers[1]`. */
export interface Stage {
  readonly json: JsonObject
  readonly path: string
}

/** Stages of one kind; published files have up to twenty. They call one another, so that all are on the stack. */
const MAX_STAGES = 256
/** Each one may double the text: a byte that is no ASCII becomes a character of two bytes. */
const MAX_BYTE_LEVELS = 4
/** How many times its own length a text may become; no form of normalization reaches twenty. */
const MAX_GROWTH = 32
/** What is added to short texts: marks and prefixes. */
const FREE_GROWTH = 256

/** A stage, or a TokenizerFileError if the field holds something else. */
export function stageAt(value: unknown, path: string): Stage {
  if (!isObject(value)) throw wrong(path, value, 'an object with "type"')
  return { json: value, path }
}

/** A stage with all those within it, which are few, or a TokenizerFileError. */
export function rootStage(value: unknown, path: string): Stage {
  const open: unknown[] = [value]
  let count = 0
  let byteLevels = 0
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (!isObject(one)) continue
    if (++count > MAX_STAGES) {
      throw wrong(path, `more than ${MAX_STAGES} stages`, `at most ${MAX_STAGES} stages`)
    }
    if (one.type === 'ByteLevel' && ++byteLevels > MAX_BYTE_LEVELS) {
      const stages = `stages "ByteLevel"`
      throw wrong(path, `more than ${MAX_BYTE_LEVELS} ${stages}`, `at most ${MAX_BYTE_LEVELS} ${stages}`)
    }
    for (const field of SEQUENCE_FIELDS) {
      const list = one[field]
      if (Array.isArray(list)) for (const inner of list) open.push(inner ?? null)
    }
  }
  return stageAt(value, path)
}

const SEQUENCE_FIELDS = ['normalizers', 'pretokenizers', 'processors', 'decoders']

/** Throws TokenizerFileError when a stage made too much text of a text: several of them would fill any memory. */
export function checkGrowth(before: number, after: number, path: string): void {
  if (after <= before * MAX_GROWTH + FREE_GROWTH) return
  throw unsupported(
    path,
    `makes more than ${MAX_GROWTH} times its length of a text`,
    'No tokenizer is built like this; do not trust the file.',
  )
}

/** The stages of a sequence. Those of a sequence in it are its own, so that what they make of a text is counted once. */
export function stagesIn({ json, path }: Stage, field: string): Stage[] {
  const list = json[field]
  if (!Array.isArray(list)) throw wrong(`${path}.${field}`, list, 'a list of stages')
  return list.flatMap((item: unknown, index) => {
    const stage = stageAt(item, `${path}.${field}[${index}]`)
    return stage.json.type === 'Sequence' ? stagesIn(stage, field) : [stage]
  })
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
