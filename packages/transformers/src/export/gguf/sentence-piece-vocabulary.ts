import { CapabilityError, CheckpointError } from '@hfquant/core'
import type { GgufValue } from '@hfquant/models'
import { isObject, type JsonObject } from '../../tokenizer/json.js'
import { TOKEN_TYPE } from './token-type.js'
import type { Vocabulary, VocabularyKeys } from './vocabulary.js'

/**
 * Byte-pair encoding with "▁" for spaces and tokens for single bytes, llama.cpp's "llama". It knows no merges: it
 * joins the neighbours whose token has the highest score. So a token's score is how late its first merge comes,
 * negated.
 */
export function sentencePieceKeys(vocabulary: Vocabulary): VocabularyKeys {
  const { tokens, json } = vocabulary
  requireBytes(vocabulary)
  const ranks = mergeRanks(vocabulary)
  const types = tokens.map((_, id) => tokenType(vocabulary, id))
  const scores = tokens.map((token, id) =>
    types[id] === TOKEN_TYPE.byte ? 0 : 0 - (ranks.get(token) ?? NEVER),
  )
  const unreachable = tokens.filter(
    (token, id) => types[id] === TOKEN_TYPE.normal && [...token].length > 1 && !ranks.has(token),
  )
  const prefix = spacePrefix(json)
  const keys = new Map<string, GgufValue>([
    ['tokenizer.ggml.model', { string: 'llama' }],
    ['tokenizer.ggml.pre', { string: 'default' }],
    ['tokenizer.ggml.scores', { f32s: scores }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ['tokenizer.ggml.add_space_prefix', { bool: prefix.adds }],
  ])
  const warnings = [...prefix.warnings]
  if (unreachable.length > 0) {
    const [first] = unreachable
    warnings.push(`llama.cpp may form ${unreachable.length} tokens that no merge makes, such as "${first}"`)
  }
  return { keys, warnings }
}

/** Below every rank: joined only when nothing else can be. */
const NEVER = 1e6

/** Index of the first merge that makes a token. */
function mergeRanks({ model }: Vocabulary): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>()
  for (const [index, merge] of (model.merges as readonly (string | readonly string[])[]).entries()) {
    const token = (typeof merge === 'string' ? merge.split(' ') : merge).join('')
    if (!ranks.has(token)) ranks.set(token, index)
  }
  return ranks
}

const BYTE = /^<0x[0-9A-F]{2}>$/

/** llama.cpp looks all of them up, and ends the process when one is missing. */
function requireBytes({ ids }: Vocabulary): void {
  for (let byte = 0; byte < 256; byte++) {
    const token = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
    if (ids.has(token)) continue
    throw new CheckpointError(
      'VOCABULARY_BYTES',
      `tokenizer.json falls back to bytes but has no token ${token}`,
      {
        file: 'tokenizer.json',
        expected: token,
      },
    )
  }
}

function tokenType({ tokens, addedTokens, isPadding, model }: Vocabulary, id: number): number {
  const token = tokens[id]!
  if (token === model.unk_token) return TOKEN_TYPE.unknown
  const added = addedTokens.get(id)
  if (added !== undefined) return added.special ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined
  if (isPadding(id)) return TOKEN_TYPE.unused
  return BYTE.test(token) ? TOKEN_TYPE.byte : TOKEN_TYPE.normal
}

/** Whether a space is put in front of a text; llama.cpp also puts one behind every special token. */
function spacePrefix(json: JsonObject): { readonly adds: boolean; readonly warnings: readonly string[] } {
  const normalizers = stages(json.normalizer, 'normalizers')
  const strange = normalizers.find(({ type }) => type !== 'Prepend' && type !== 'Replace')
  if (strange !== undefined) {
    throw new CapabilityError(
      'VOCABULARY_NORMALIZER',
      `llama.cpp has no normalizer "${String(strange.type)}"`,
      {
        file: 'tokenizer.json',
        field: 'normalizer',
        found: strange.type,
        expected: 'Prepend and Replace',
      },
    )
  }
  const metaspace = stages(json.pre_tokenizer, 'pretokenizers').find(({ type }) => type === 'Metaspace')
  const scheme = metaspace?.prepend_scheme ?? (metaspace?.add_prefix_space === false ? 'never' : 'always')
  const adds =
    normalizers.some(({ type }) => type === 'Prepend') || (metaspace !== undefined && scheme !== 'never')
  const warnings =
    metaspace !== undefined && scheme === 'first'
      ? ['llama.cpp puts a space behind every special token, the tokenizer only in front of a text']
      : []
  return { adds, warnings }
}

/** A stage, or the stages of a sequence. */
function stages(stage: unknown, list: string): JsonObject[] {
  if (!isObject(stage)) return []
  return Array.isArray(stage[list]) ? stage[list].filter(isObject) : [stage]
}
