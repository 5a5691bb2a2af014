import { CapabilityError } from '@hfquant/core'
import type { GgufMetadata } from '@hfquant/gguf'
import { TOKEN_TYPE } from '../../export/gguf/token-type.js'
import type { JsonObject } from '../../tokenizer/json.js'
import type { TokenizerFiles } from '../../tokenizer/read-files.js'
import { byteLevelTokenizer } from './byte-level-tokenizer.js'
import { type GgufVocabulary, readGgufVocabulary } from './gguf-vocabulary.js'
import { sentencePieceTokenizer } from './sentence-piece-tokenizer.js'

const KINDS = { gpt2: byteLevelTokenizer, llama: sentencePieceTokenizer }

/**
 * What the files of a tokenizer folder would hold, rebuilt from the metadata of a GGUF file.
 *
 * @param file named in errors.
 * @throws CapabilityError TOKENIZER_KIND, TOKENIZER_UNKNOWN; TokenizerFileError naming the key.
 */
export function tokenizerOfGguf(metadata: GgufMetadata, file: string): TokenizerFiles {
  const vocabulary = readGgufVocabulary(metadata, file)
  const kind = vocabulary.text('model')
  if (kind !== 'gpt2' && kind !== 'llama') {
    const problem = kind === undefined ? 'has no tokenizer' : `has a tokenizer of the kind "${kind}"`
    throw new CapabilityError('TOKENIZER_KIND', `${file} ${problem}`, {
      ...{ file, field: 'tokenizer.ggml.model', found: kind, expected: Object.keys(KINDS) },
      hint: 'Put tokenizer.json of the original repository beside the file.',
    })
  }
  const { stages, addsBos } = KINDS[kind](vocabulary)
  const named = ([role, key]: readonly [string, string]) => {
    const id = vocabulary.id(key)
    return id === undefined ? [] : [[role, vocabulary.tokens[id]!] as const]
  }
  return {
    tokenizer: {
      ...{ version: '1.0', truncation: null, padding: null },
      added_tokens: addedTokens(vocabulary),
      ...stages,
      post_processor: postProcessor(vocabulary, addsBos),
    },
    config: Object.fromEntries(ROLES.flatMap(named)),
    specialTokensMap: {},
    addedTokens: {},
    templateFiles: chatTemplates(metadata),
  }
}

/** Names of tokens in tokenizer_config.json, and in keys of the metadata. */
const ROLES = [
  ['bos_token', 'bos'],
  ['eos_token', 'eos'],
  ['unk_token', 'unknown'],
  ['pad_token', 'padding'],
] as const

function addedTokens({ tokens, types }: GgufVocabulary): readonly JsonObject[] {
  const special: readonly number[] = [TOKEN_TYPE.unknown, TOKEN_TYPE.control]
  return tokens.flatMap((content, id) => {
    const isSpecial = special.includes(types[id]!)
    if (content === '' || (!isSpecial && types[id] !== TOKEN_TYPE.userDefined)) return []
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false }
    return [{ id, content, ...plain, special: isSpecial }]
  })
}

/** Puts the tokens of a beginning and an end around a text. */
function postProcessor(vocabulary: GgufVocabulary, addsBos: boolean): JsonObject | null {
  const used = (key: string, isUsed: boolean) => (isUsed ? vocabulary.id(key) : undefined)
  const bos = used('bos', vocabulary.flag('add_bos_token', addsBos))
  const eos = used('eos', vocabulary.flag('add_eos_token', false))
  if (bos === undefined && eos === undefined) return null
  const token = (id: number | undefined, type: number) =>
    id === undefined ? [] : [{ SpecialToken: { id: vocabulary.tokens[id]!, type_id: type } }]
  const around = (text: 'A' | 'B', type: number) => [
    ...token(bos, type),
    { Sequence: { id: text, type_id: type } },
    ...token(eos, type),
  ]
  const ids = [bos, eos].filter((id) => id !== undefined)
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      ids.map((id) => [
        vocabulary.tokens[id]!,
        { id: vocabulary.tokens[id]!, ids: [id], tokens: [vocabulary.tokens[id]!] },
      ]),
    ),
  }
}

const TEMPLATE = 'tokenizer.chat_template'

function chatTemplates(metadata: GgufMetadata): ReadonlyMap<string, string> {
  const templates = new Map<string, string>()
  for (const [key, value] of metadata) {
    if (value.type !== 'string') continue
    if (key === TEMPLATE) templates.set('default', value.value)
    else if (key.startsWith(`${TEMPLATE}.`)) templates.set(key.slice(TEMPLATE.length + 1), value.value)
  }
  return templates
}
