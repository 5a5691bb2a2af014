import type { GgufMetadata } from '@hfquant/gguf'
import { TOKEN_TYPE } from '../../export/gguf/token-type.js'
import { TokenizerFileError } from '../../tokenizer/errors.js'
import type { JsonObject } from '../../tokenizer/json.js'

/** The keys of the metadata that describe a tokenizer, without `tokenizer.ggml.` in front. */
export interface GgufVocabulary {
  /** Named in errors. */
  readonly file: string
  /** By id. */
  readonly tokens: readonly string[]
  /** Of each token; all are normal in a file that does not say it. */
  readonly types: readonly number[]
  /** An array of texts; undefined where there is none. */
  texts(key: string): readonly string[] | undefined
  numbers(key: string): readonly number[] | undefined
  text(key: string): string | undefined
  flag(key: string, fallback: boolean): boolean
  /** The id under `<role>_token_id`, if it is that of a token. */
  id(role: string): number | undefined
}

/**
 * @throws TokenizerFileError TOKENIZER_FILE_INVALID naming the key, GgufError GGUF_BAD_TEXT for a token that is no UTF-8:
 * tokenizers of Hugging Face have no place for it.
 */
export function readGgufVocabulary(metadata: GgufMetadata, file: string): GgufVocabulary {
  const full = (key: string) => `tokenizer.ggml.${key}`
  const invalid = (key: string, found: unknown, expected: string) =>
    new TokenizerFileError('TOKENIZER_FILE_INVALID', `${file}: "${full(key)}" is not ${expected}`, {
      ...{ file, field: full(key), found, expected },
      hint: 'Compare the file with the one in the original repository.',
    })
  const texts = (key: string): readonly string[] | undefined => {
    const found = metadata.get(full(key))
    if (found === undefined) return undefined
    if (found.type !== 'array' || found.of !== 'string') throw invalid(key, found.type, 'an array of texts')
    return Array.from({ length: found.values.length }, (_, index) => found.values.text(index)!)
  }
  const numbers = (key: string): readonly number[] | undefined => {
    const found = metadata.get(full(key))
    if (found === undefined) return undefined
    if (found.type !== 'array' || found.of === 'string') throw invalid(key, found.type, 'an array of numbers')
    return Array.from<number | bigint, number>(found.values, Number)
  }
  const tokens = texts('tokens')
  if (tokens === undefined) throw invalid('tokens', undefined, 'there')
  if (new Set(tokens).size !== tokens.length)
    throw invalid('tokens', 'a token twice', 'a list of different tokens')
  const types = numbers('token_type') ?? tokens.map(() => TOKEN_TYPE.normal)
  if (types.length !== tokens.length) {
    throw invalid('token_type', types.length, `as long as the list of ${tokens.length} tokens`)
  }
  return {
    ...{ file, tokens, types, texts, numbers },
    text(key) {
      const found = metadata.get(full(key))
      if (found === undefined || found.type === 'string') return found?.value
      throw invalid(key, found.type, 'a text')
    },
    flag(key, fallback) {
      const found = metadata.get(full(key))
      if (found === undefined) return fallback
      if (found.type === 'bool') return found.value
      throw invalid(key, found.type, 'a boolean')
    },
    id(role) {
      const found = metadata.get(full(`${role}_token_id`))
      if (found === undefined) return undefined
      const value = found.type === 'array' ? undefined : found.value
      const id = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number.NaN
      if (Number.isInteger(id) && id >= 0 && id < tokens.length) return id
      throw invalid(`${role}_token_id`, id, `the id of one of ${tokens.length} tokens`)
    },
  }
}

/** `model.vocab` of tokenizer.json: ids of the tokens of some types. */
export const vocabOf = (
  { tokens, types }: GgufVocabulary,
  has: (type: number) => boolean,
  spelled: (token: string, type: number) => string = (token) => token,
): JsonObject =>
  Object.fromEntries(
    tokens.flatMap((token, id) => (has(types[id]!) ? [[spelled(token, types[id]!), id] as const] : [])),
  )
