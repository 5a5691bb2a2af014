import { CapabilityError, CheckpointError } from '@hfquant/core'
import type { GgufMetadata, GgufValue } from '@hfquant/models'
import { readChatTemplates } from '../../tokenizer/chat-templates.js'
import { isObject, type JsonObject } from '../../tokenizer/json.js'
import { readTokenizerFiles } from '../../tokenizer/read-files.js'
import {
  completeAddedTokens,
  mergeTokenSettings,
  readSpecialTokens,
  type SpecialTokens,
} from '../../tokenizer/special-tokens.js'
import { checkTokenizerJson, type TokenizerJson } from '../../tokenizer/tokenizer-json.js'
import { byteLevelKeys } from './byte-level-vocabulary.js'
import type { PreTokenizerName } from './pre-tokenizer.js'
import { sentencePieceKeys } from './sentence-piece-vocabulary.js'

export interface VocabularyRequest {
  /** Rows of the token embedding: the file must hold exactly as many tokens. */
  readonly size: number
  /** config.json, which knows the special tokens that the model was trained with. */
  readonly config: JsonObject
  readonly preTokenizer: PreTokenizerName | undefined
}

/** A checked tokenizer, with its tokens in the order of their ids. */
export interface Vocabulary {
  readonly json: TokenizerJson
  readonly special: SpecialTokens
  /** `model` of tokenizer.json. */
  readonly model: JsonObject
  readonly tokens: readonly string[]
  /** Ids of `model.vocab`, by token. */
  readonly ids: ReadonlyMap<string, number>
  /** True for tokens that stand for nothing: they fill ids that the tokenizer leaves out. */
  readonly isPadding: (id: number) => boolean
  readonly addedTokens: ReadonlyMap<number, { readonly content: string; readonly special: boolean }>
}

/** What one of the two kinds of vocabulary adds to the common keys. */
export interface VocabularyKeys {
  readonly keys: ReadonlyMap<string, GgufValue>
  readonly warnings: readonly string[]
}

/**
 * The `tokenizer.` part of the metadata. llama.cpp ends the process instead of reporting most faults of a vocabulary,
 * so they are all found here.
 *
 * @throws TokenizerFileError when there is no tokenizer; CheckpointError VOCABULARY_SIZE, VOCABULARY_DUPLICATE,
 * VOCABULARY_EMPTY_TOKEN; CapabilityError VOCABULARY_KIND or PRE_TOKENIZER_UNKNOWN.
 */
export async function readVocabulary(
  folder: string,
  request: VocabularyRequest,
): Promise<{ readonly metadata: GgufMetadata; readonly warnings: readonly string[] }> {
  const files = await readTokenizerFiles(folder)
  const settings = mergeTokenSettings(files.config, files.specialTokensMap)
  const special = readSpecialTokens(settings)
  const checked = checkTokenizerJson(files.tokenizer)
  const json = completeAddedTokens(checked, settings, files.addedTokens)
  const vocabulary = arrange(json, checked.vocabulary, special, request.size)
  const { keys, warnings } = kindOf(vocabulary)(vocabulary, request.preTokenizer)
  const template = readChatTemplates(files.config, files.templateFiles).get('default')
  const metadata = new Map<string, GgufValue>([
    ...keys,
    ['tokenizer.ggml.tokens', { strings: vocabulary.tokens }],
    ...specialIds(vocabulary, request.config),
    ['tokenizer.ggml.add_bos_token', { bool: addsBos(vocabulary, files.config) }],
    ['tokenizer.ggml.add_eos_token', { bool: files.config.add_eos_token === true }],
    ...(template === undefined ? [] : ([['tokenizer.chat_template', { string: template }]] as const)),
  ])
  return { metadata, warnings }
}

function arrange(
  json: TokenizerJson,
  ids: ReadonlyMap<string, number>,
  special: SpecialTokens,
  size: number,
): Vocabulary {
  const byId = new Map([...ids].map(([token, id]) => [id, token]))
  const addedTokens = new Map(
    json.added_tokens.map(({ id, content, special }) => [id, { content, special: special === true }]),
  )
  for (const [id, { content }] of addedTokens) byId.set(id, content)
  const beyond = [...byId].find(([id]) => id >= size)
  if (beyond !== undefined) {
    throw new CheckpointError(
      'VOCABULARY_SIZE',
      `token "${beyond[1]}" of tokenizer.json has the id ${beyond[0]}, the model has embeddings for ${size} tokens`,
      {
        file: 'tokenizer.json',
        found: beyond[0],
        expected: size,
        hint: 'Tokenizer and model do not belong together.',
      },
    )
  }
  const tokens = Array.from({ length: size }, (_, id) => byId.get(id) ?? `[PAD${id}]`)
  refuseDuplicates(tokens)
  const model = isObject(json.model) ? json.model : {}
  return { json, special, model, tokens, ids, addedTokens, isPadding: (id) => !byId.has(id) }
}

function refuseDuplicates(tokens: readonly string[]): void {
  const seen = new Map<string, number>()
  for (const [id, token] of tokens.entries()) {
    const other = seen.get(token)
    if (token !== '' && other === undefined) seen.set(token, id)
    else {
      throw new CheckpointError(
        token === '' ? 'VOCABULARY_EMPTY_TOKEN' : 'VOCABULARY_DUPLICATE',
        token === ''
          ? `token ${id} of tokenizer.json is empty`
          : `tokens ${other} and ${id} of tokenizer.json are both "${token}"`,
        {
          file: 'tokenizer.json',
          found: token,
          hint: 'llama.cpp ends the process when it loads such a vocabulary.',
        },
      )
    }
  }
}

function kindOf({
  model,
}: Vocabulary): (vocabulary: Vocabulary, preTokenizer?: PreTokenizerName) => VocabularyKeys {
  const isBpe = model.type === 'BPE' || (model.type === undefined && model.merges !== undefined)
  if (isBpe) return model.byte_fallback === true ? sentencePieceKeys : byteLevelKeys
  throw new CapabilityError(
    'VOCABULARY_KIND',
    `a ${String(model.type)} tokenizer cannot be exported to GGUF`,
    {
      file: 'tokenizer.json',
      field: 'model.type',
      found: model.type,
      expected: 'BPE',
    },
  )
}

/** Ids that llama.cpp should know; without those of begin and end it assumes those of other models. */
function specialIds({ tokens, special }: Vocabulary, config: JsonObject): [string, GgufValue][] {
  const idOf = (token: string | undefined) => {
    const id = token === undefined ? -1 : tokens.indexOf(token)
    return id < 0 ? undefined : id
  }
  const valid = (id: unknown): id is number =>
    Number.isInteger(id) && Number(id) >= 0 && Number(id) < tokens.length
  const ends = [config.eos_token_id].flat().filter(valid)
  const [eos = idOf(special.eos_token), eot] = ends
  const bos = valid(config.bos_token_id) ? config.bos_token_id : idOf(special.bos_token)
  const named: [string, number | undefined][] = [
    ['bos', bos],
    ['eos', eos],
    ['eot', eot],
    ['unknown', idOf(special.unk_token)],
    ['padding', idOf(special.pad_token)],
  ]
  return named.flatMap(([role, id]) =>
    id === undefined ? [] : [[`tokenizer.ggml.${role}_token_id`, { u32: id }]],
  )
}

/** True when texts are encoded with the begin token in front. */
function addsBos({ json, special }: Vocabulary, tokenizerConfig: JsonObject): boolean {
  return tokenizerConfig.add_bos_token === true || beginsWithBos(json.post_processor, special.bos_token)
}

function beginsWithBos(processor: unknown, bos: string | undefined): boolean {
  if (!isObject(processor) || bos === undefined) return false
  if (Array.isArray(processor.processors))
    return processor.processors.some((part) => beginsWithBos(part, bos))
  const [first] = Array.isArray(processor.single) ? processor.single : []
  const token = isObject(first) ? first.SpecialToken : undefined
  return isObject(token) && token.id === bos
}
