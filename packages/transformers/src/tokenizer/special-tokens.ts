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

/** The named special tokens of tokenizer_config.json; special_tokens_map.json fills in what it leaves open. */
export function readSpecialTokens(config: JsonObject, specialTokensMap: JsonObject): SpecialTokens {
  const tokens: { [role in (typeof roles)[number]]?: string } = {}
  for (const role of roles) {
    const token =
      readContent(config[role], role, 'tokenizer_config.json') ??
      readContent(specialTokensMap[role], role, 'special_tokens_map.json')
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
 * What transformers does when it loads a fast tokenizer: tokens of `added_tokens_decoder` that tokenizer.json lacks
 * are added, and every named or additional special token becomes special, with the next free id if it is new.
 */
export function completeAddedTokens(
  { json, vocabulary }: CheckedTokenizerJson,
  config: JsonObject,
  special: SpecialTokens,
): TokenizerJson {
  const added = new Map(json.added_tokens.map((entry) => [entry.content, entry]))
  const ids = new Map([...vocabulary].map(([token, id]) => [id, token]))
  for (const { id, content } of added.values()) ids.set(id, content)

  for (const entry of readAddedTokensDecoder(config)) {
    if (added.has(entry.content)) continue
    const owner = ids.get(entry.id)
    if (owner !== undefined && owner !== entry.content) {
      throw wrong(
        `added_tokens_decoder["${entry.id}"]`,
        entry.content,
        `"${owner}", as tokenizer.json says`,
        'tokenizer_config.json',
      )
    }
    added.set(entry.content, entry)
    ids.set(entry.id, entry.content)
  }

  let next = [...ids.keys()].reduce((largest, id) => Math.max(largest, id), -1) + 1
  for (const content of [...Object.values(special), ...readAdditional(config)]) {
    const known = added.get(content) ?? { id: vocabulary.get(content) ?? next++, content, normalized: false }
    added.set(content, { ...known, special: true })
  }
  return { ...json, added_tokens: [...added.values()] }
}

function readAddedTokensDecoder(config: JsonObject): AddedTokenEntry[] {
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
