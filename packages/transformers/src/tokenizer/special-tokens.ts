import { isObject, type JsonObject } from './json.js'
import {
  type AddedTokenEntry,
  type CheckedTokenizerJson,
  checkTokenId,
  type TokenizerJson,
  wrong,
} from './tokenizer-json.js'

const roles = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const

/** Named special tokens (`bos_token` → "<s>"); only those that the files declare. */
export type SpecialTokens = { readonly [role in (typeof roles)[number]]?: string }

/**
 * The settings that name tokens, as transformers merges them: in folders of the old form, which is one without
 * `added_tokens_decoder`, special_tokens_map.json was written last and wins over tokenizer_config.json; in folders of the
 * new form it is not read.
 */
export function mergeTokenSettings(config: JsonObject, specialTokensMap: JsonObject): JsonObject {
  return config.added_tokens_decoder === undefined ? { ...config, ...specialTokensMap } : config
}

/** The named special tokens among the settings of `mergeTokenSettings`. */
export function readSpecialTokens(settings: JsonObject): SpecialTokens {
  const tokens: { [role in (typeof roles)[number]]?: string } = {}
  for (const role of roles) {
    const token = readContent(settings[role], role, 'tokenizer_config.json')
    if (token !== undefined) tokens[role] = token
  }
  return tokens
}

/** A token is written as a string or as `{ content, … }`; null and absent mean none. */
function readContent(value: unknown, field: string, file: string): string | undefined {
  if (value === undefined || value === null) return undefined
  const content = isObject(value) ? value.content : value
  if (typeof content === 'string' && content !== '') return content
  throw wrong(field, value, 'a token as a string, or an object with "content"', file)
}

/**
 * What Python does when it loads a tokenizer: the added tokens of tokenizer.json, then those of `added_tokens_decoder` or
 * else of added_tokens.json, then named and further special tokens that are still missing. A token of the vocabulary
 * keeps its id there; a new one gets the next free id, whatever id the file gives it.
 *
 * @param markers special tokens that are added to those of the files, in this order.
 */
export function completeAddedTokens(
  { json, vocabulary, size }: CheckedTokenizerJson,
  settings: JsonObject,
  addedTokens: JsonObject,
  markers: readonly string[] = [],
): TokenizerJson {
  const added = new Map<string, AddedTokenEntry>()
  addAll(json.added_tokens)

  const special = new Set([...Object.values(readSpecialTokens(settings)), ...readAdditional(settings)])
  const declared =
    settings.added_tokens_decoder === undefined ? readAddedTokens(addedTokens) : readDecoder(settings)
  const known = new Set([...added.keys(), ...declared.map(({ content }) => content)])
  const missing = [...special].filter((content) => !known.has(content))
  addAll([
    ...[...declared]
      .sort((a, b) => a.id - b.id)
      .map((entry) => (special.has(entry.content) ? { normalized: false, ...entry, special: true } : entry)),
    ...missing.map((content) => ({ id: 0, content, special: true, normalized: false })),
  ])
  addAll(
    markers
      .filter((content) => !added.has(content))
      .map((content) => ({ id: 0, content, special: true, normalized: false })),
  )
  return { ...json, added_tokens: [...added.values()] }

  /** The first new token gets the id behind the vocabulary, or behind the added tokens if those reach further. */
  function addAll(entries: readonly AddedTokenEntry[]): void {
    let next = [...added.values()].reduce((free, { id }) => Math.max(free, id + 1), size)
    for (const entry of entries) {
      const id = added.get(entry.content)?.id ?? vocabulary.get(entry.content) ?? next++
      added.set(entry.content, { ...entry, id })
    }
  }
}

/** added_tokens.json: ids by token. */
function readAddedTokens(addedTokens: JsonObject): AddedTokenEntry[] {
  return Object.entries(addedTokens).map(([content, id]) => {
    if (content === '') throw wrong('""', id, 'no empty token', 'added_tokens.json')
    return { id: checkTokenId(id, JSON.stringify(content), 'added_tokens.json'), content, normalized: true }
  })
}

function readDecoder(config: JsonObject): AddedTokenEntry[] {
  const field = 'added_tokens_decoder'
  const file = 'tokenizer_config.json'
  const declared = config[field] ?? {}
  if (!isObject(declared)) throw wrong(field, declared, 'an object', file)
  return Object.entries(declared).map(([key, entry]) => {
    const content = isObject(entry) ? entry.content : undefined
    if (!isObject(entry) || typeof content !== 'string' || content === '') {
      throw wrong(`${field}["${key}"]`, entry, 'an object with "content"', file)
    }
    return { ...entry, content, id: checkTokenId(Number(key), `${field}["${key}"]`, file) }
  })
}

/** Version 5 of transformers calls the list extra_special_tokens; there it may also be an object of named tokens. */
function readAdditional(config: JsonObject): string[] {
  const file = 'tokenizer_config.json'
  return ['additional_special_tokens', 'extra_special_tokens'].flatMap((field) => {
    const declared = config[field] ?? []
    if (typeof declared !== 'object') throw wrong(field, declared, 'a list of tokens', file)
    return Object.values(declared).flatMap((token) => readContent(token, field, file) ?? [])
  })
}
