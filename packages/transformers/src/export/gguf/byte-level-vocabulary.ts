import { CapabilityError } from '@hfquant/core'
import type { GgufValue } from '@hfquant/models'
import { isObject } from '../../tokenizer/json.js'
import { choosePreTokenizer, type PreTokenizerName } from './pre-tokenizer.js'
import { TOKEN_TYPE } from './token-type.js'
import type { Vocabulary, VocabularyKeys } from './vocabulary.js'

/** Byte-pair encoding over visible bytes, llama.cpp's "gpt2": tokens and merges stay as tokenizer.json has them. */
export function byteLevelKeys(vocabulary: Vocabulary, wanted: PreTokenizerName | undefined): VocabularyKeys {
  const { json, model, tokens } = vocabulary
  if (!usesByteLevel(json.pre_tokenizer)) {
    throw new CapabilityError('VOCABULARY_KIND', 'a BPE tokenizer without bytes cannot be exported to GGUF', {
      file: 'tokenizer.json',
      field: 'pre_tokenizer',
      found: isObject(json.pre_tokenizer) ? json.pre_tokenizer.type : json.pre_tokenizer,
      expected: 'ByteLevel, or model.byte_fallback',
    })
  }
  const { name, warnings } = choosePreTokenizer(vocabulary, wanted)
  const merges = (model.merges as readonly (string | readonly string[])[]).map((merge) =>
    typeof merge === 'string' ? merge : merge.join(' '),
  )
  const keys = new Map<string, GgufValue>([
    ['tokenizer.ggml.model', { string: 'gpt2' }],
    ['tokenizer.ggml.pre', { string: name }],
    ['tokenizer.ggml.merges', { strings: merges }],
    ['tokenizer.ggml.token_type', { i32s: tokens.map((_, id) => tokenType(vocabulary, id)) }],
  ])
  return { keys, warnings: [...warnings, ...normalizerWarnings(json.normalizer)] }
}

function tokenType({ addedTokens, isPadding }: Vocabulary, id: number): number {
  const added = addedTokens.get(id)
  if (added !== undefined) return added.special ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined
  return isPadding(id) ? TOKEN_TYPE.unused : TOKEN_TYPE.normal
}

function usesByteLevel(stage: unknown): boolean {
  if (!isObject(stage)) return false
  if (Array.isArray(stage.pretokenizers)) return stage.pretokenizers.some(usesByteLevel)
  return stage.type === 'ByteLevel'
}

/** llama.cpp applies no normalizer. Composed characters are what texts consist of anyway; other changes are not small. */
function normalizerWarnings(normalizer: unknown): string[] {
  if (!isObject(normalizer)) return []
  if (normalizer.type === 'NFC') return ['llama.cpp does not compose characters (NFC) as the tokenizer does']
  throw new CapabilityError(
    'VOCABULARY_NORMALIZER',
    `llama.cpp has no normalizer "${String(normalizer.type)}"`,
    {
      file: 'tokenizer.json',
      field: 'normalizer',
      found: normalizer.type,
      expected: 'none, or NFC',
    },
  )
}
