import { TokenizerFileError } from './errors.js'
import { describe, isObject, type JsonObject } from './json.js'

/** Sixteen times the largest published vocabulary; an id beyond it would only serve to exhaust memory. */
const MAX_TOKENS = 1 << 22

/** An entry of `added_tokens`; further flags (lstrip, rstrip, …) are kept as they are. */
export interface AddedTokenEntry extends JsonObject {
  readonly id: number
  readonly content: string
}

/** tokenizer.json after its structure has been checked. */
export interface TokenizerJson extends JsonObject {
  readonly added_tokens: readonly AddedTokenEntry[]
}

/** A checked tokenizer.json with the ids of its model's vocabulary (added tokens not included). */
export interface CheckedTokenizerJson {
  readonly json: TokenizerJson
  readonly vocabulary: ReadonlyMap<string, number>
  /** Tokens that the model counts; a list may hold one twice. */
  readonly size: number
}

/**
 * Checks the parts of tokenizer.json that are iterated, indexed or allocated by, and fills in absent stages with null.
 * Throws TokenizerFileError naming the field.
 */
export function checkTokenizerJson(json: JsonObject): CheckedTokenizerJson {
  const { model } = json
  if (!isObject(model)) throw wrong('model', model, 'an object')
  const vocabulary = readVocabulary(model)
  const size = Array.isArray(model.vocab) ? model.vocab.length : vocabulary.size
  if (model.type === 'BPE' || model.merges !== undefined) checkMerges(model.merges)
  for (const stage of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) {
    const value = json[stage] ?? null
    if (value !== null && !isObject(value)) throw wrong(stage, value, 'an object or null')
  }
  const added = json.added_tokens ?? []
  if (!Array.isArray(added)) throw wrong('added_tokens', added, 'a list')
  const stages = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null }
  return { json: { ...stages, ...json, added_tokens: added.map(readAddedToken) }, vocabulary, size }
}

function readAddedToken(entry: unknown, index: number): AddedTokenEntry {
  const field = `added_tokens[${index}]`
  if (!isObject(entry)) throw wrong(field, entry, 'an object')
  const { content } = entry
  if (typeof content !== 'string' || content === '')
    throw wrong(`${field}.content`, content, 'a non-empty string')
  return { ...entry, content, id: checkTokenId(entry.id, `${field}.id`) }
}

function readVocabulary({ vocab }: JsonObject): Map<string, number> {
  const vocabulary = new Map<string, number>()
  if (Array.isArray(vocab)) {
    checkTokenCount(vocab.length)
    vocab.forEach((entry: unknown, id) => {
      const [token, score] = Array.isArray(entry) ? entry : []
      if (typeof token !== 'string' || typeof score !== 'number') {
        throw wrong(`model.vocab[${id}]`, entry, '[token, score]')
      }
      vocabulary.set(token, id)
    })
    return vocabulary
  }
  if (!isObject(vocab)) throw wrong('model.vocab', vocab, 'an object or a list')
  const tokens = Object.keys(vocab)
  checkTokenCount(tokens.length)
  for (const token of tokens) {
    const id = vocab[token]
    if (!isTokenId(id)) throw notAnId(id, `model.vocab[${describe(token)}]`, 'tokenizer.json')
    vocabulary.set(token, id)
  }
  return vocabulary
}

function checkTokenCount(count: number): void {
  if (count > MAX_TOKENS) throw wrong('model.vocab', `${count} tokens`, `at most ${MAX_TOKENS} tokens`)
}

/** Throws unless `id` can index a vocabulary. */
export function checkTokenId(id: unknown, field: string, file = 'tokenizer.json'): number {
  if (isTokenId(id)) return id
  throw notAnId(id, field, file)
}

function isTokenId(id: unknown): id is number {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < MAX_TOKENS
}

function notAnId(found: unknown, field: string, file: string): TokenizerFileError {
  return wrong(field, found, `a whole number from 0 to ${MAX_TOKENS - 1}`, file)
}

function checkMerges(merges: unknown): void {
  if (!Array.isArray(merges)) throw wrong('model.merges', merges, 'a list')
  if (merges.length > MAX_TOKENS) {
    throw wrong('model.merges', `${merges.length} merges`, `at most ${MAX_TOKENS} merges`)
  }
  merges.forEach((merge: unknown, index) => {
    const isPair = typeof merge === 'string' ? isTwoTokens(merge) : Array.isArray(merge) && merge.length === 2
    if (!isPair || (Array.isArray(merge) && merge.some((part) => typeof part !== 'string'))) {
      throw wrong(`model.merges[${index}]`, merge, 'two tokens')
    }
  })
}

/** Two tokens with a space between; older files may begin with a line that says their version. */
function isTwoTokens(merge: string): boolean {
  const space = merge.indexOf(' ')
  return (space !== -1 && !merge.includes(' ', space + 1)) || merge.startsWith('#version')
}

/** The error for a field with an unusable value. */
export function wrong(
  field: string,
  found: unknown,
  expected: string,
  file = 'tokenizer.json',
): TokenizerFileError {
  return new TokenizerFileError(
    'TOKENIZER_FILE_INVALID',
    `${field} in ${file} is ${found === undefined ? 'absent' : describe(found)}, expected ${expected}`,
    { file, field, found, expected, hint: 'Compare the file with the one in the original repository.' },
  )
}
