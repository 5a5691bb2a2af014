import { checkOptions } from '@hfquant/core'
import type { ChatMessage, ChatTemplateInput } from './chat-template.js'
import { createChatRenderer, readChatTemplates, selectTemplate } from './chat-templates.js'
import { cleanUp, createCleanUpStream } from './clean-up.js'
import { createEngine } from './engine/engine.js'
import { runAtOnce, runInSlices } from './engine/steps.js'
import { ChatTemplateError, TokenizerError } from './errors.js'
import { describe, isObject, type JsonObject } from './json.js'
import type { TokenizerFiles } from './read-files.js'
import { completeAddedTokens, mergeTokenSettings, readSpecialTokens } from './special-tokens.js'
import { createStreamDecoder } from './stream-decoder.js'
import type { ChatTemplateOptions, Tokenizer } from './tokenizer.js'
import { checkTokenizerJson, type TokenizerJson } from './tokenizer-json.js'

/**
 * Builds a tokenizer from the contents of its files. Throws TokenizerFileError.
 *
 * @param markers special tokens to add behind the others, where the files do not have them yet.
 */
export function createTokenizer(files: TokenizerFiles, markers: readonly string[] = []): Tokenizer {
  const settings = mergeTokenSettings(files.config, files.specialTokensMap)
  const special = readSpecialTokens(settings)
  const checked = checkTokenizerJson(files.tokenizer)
  const json = completeAddedTokens(checked, settings, files.addedTokens, markers)
  const engine = createEngine(json, checked.vocabulary)
  const idOf = (token: string | undefined) => (token === undefined ? undefined : engine.idOf(token))
  // Byte-pair text already has its spaces in place: transformers ignores the setting there, too.
  const cleansUp = files.config.clean_up_tokenization_spaces === true && !isBytePair(json)
  const chatTemplates = readChatTemplates(files.config, files.templateFiles)
  const renderChat = createChatRenderer()

  const tokenizer: Tokenizer = {
    vocabSize: engine.size,
    bosTokenId: idOf(special.bos_token),
    eosTokenId: idOf(special.eos_token),
    padTokenId: idOf(special.pad_token),
    maskTokenId: idOf(special.mask_token),
    modelMaxLength: readMaxLength(files.config),
    tokenToId: (token) => engine.idOf(token),

    encode(text, options = {}) {
      const { addSpecialTokens = true, truncateTo } = known(options, ENCODE_OPTIONS)
      return runAtOnce(engine.encode(checkText(text), { addSpecialTokens, truncateTo }))
    },

    async encodeAsync(text, options = {}) {
      const { addSpecialTokens = true, truncateTo, maxTokens, signal } = known(options, SLICED_OPTIONS)
      return runInSlices(engine.encode(checkText(text), { addSpecialTokens, truncateTo, maxTokens }), signal)
    },

    async encodePairAsync(first, second, options = {}) {
      const { truncateTo, signal } = known(options, CUT_OPTIONS)
      return runInSlices(engine.encodePair(checkText(first), checkText(second), { truncateTo }), signal)
    },

    async encodeWithOffsetsAsync(text, options = {}) {
      const { truncateTo, signal } = known(options, CUT_OPTIONS)
      return runInSlices(engine.encodeTraced(checkText(text), { truncateTo }), signal)
    },

    async encodeWordsAsync(words, options = {}) {
      const { truncateTo, signal } = known(options, CUT_OPTIONS)
      return runInSlices(engine.encodeWords(words.map(checkText), { truncateTo }), signal)
    },

    decode(ids, options = {}) {
      const { skipSpecialTokens = true } = known(options, ['skipSpecialTokens'])
      const kept = Array.from(checkIds(ids), checkId).filter(
        (id) => !(skipSpecialTokens && engine.specialIds.has(id)),
      )
      const text = engine.decode(kept)
      return cleansUp ? cleanUp(text) : text
    },

    idToToken: (id) => engine.tokenOf(id),
    tokenBytes: (id) => engine.bytesOf(checkId(id)),

    createStreamDecoder(options = {}) {
      const { skipSpecialTokens = true, after = [], keptTokenIds = [] } = known(options, STREAM_OPTIONS)
      const isSkipped = (id: number) =>
        skipSpecialTokens && engine.specialIds.has(checkId(id)) && !keptTokenIds.includes(id)
      const decoder = createStreamDecoder(
        engine,
        after.filter((id) => !isSkipped(id)),
      )
      const cleaner = cleansUp ? createCleanUpStream() : undefined
      const clean = (text: string) => cleaner?.push(text) ?? text
      return {
        push: (id) => (isSkipped(id) ? '' : clean(decoder.push(checkId(id)))),
        flush: () => clean(decoder.flush()) + (cleaner?.flush() ?? ''),
      }
    },

    getChatTemplate: ({ chatTemplate, tools } = {}) =>
      selectTemplate(chatTemplates, chatTemplate, tools !== undefined),

    applyChatTemplate(messages, options = {}) {
      checkChatOptions(known(options, CHAT_OPTIONS))
      const input: ChatTemplateInput = {
        messages: checkMessages(messages),
        addGenerationPrompt: options.addGenerationPrompt ?? false,
        continueFinalMessage: options.continueFinalMessage ?? false,
        tools: options.tools,
        documents: options.documents,
        variables: { ...special, ...options.variables },
        now: options.now ?? new Date(),
      }
      return renderChat(input, tokenizer.getChatTemplate(options))
    },

    encodeChat(messages, options) {
      return tokenizer.encode(tokenizer.applyChatTemplate(messages, options), { addSpecialTokens: false })
    },

    async encodeChatAsync(messages, options = {}) {
      const { signal, ...others } = known(options, [...CHAT_OPTIONS, 'signal'])
      const text = tokenizer.applyChatTemplate(messages, others)
      return tokenizer.encodeAsync(text, { addSpecialTokens: false, signal })
    },
  }
  return tokenizer
}

const ENCODE_OPTIONS = ['addSpecialTokens', 'truncateTo'] as const
const SLICED_OPTIONS = [...ENCODE_OPTIONS, 'maxTokens', 'signal'] as const
const CUT_OPTIONS = ['truncateTo', 'signal'] as const
const STREAM_OPTIONS = ['skipSpecialTokens', 'after', 'keptTokenIds'] as const
const CHAT_OPTIONS = [
  'addGenerationPrompt',
  'continueFinalMessage',
  'tools',
  'documents',
  'chatTemplate',
  'variables',
  'now',
] as const satisfies readonly (keyof ChatTemplateOptions)[]

/** @throws ConfigError OPTIONS_TYPE, OPTION_UNKNOWN. */
function known<Options extends object>(
  options: Options,
  names: readonly (keyof Options & string)[],
): Options {
  checkOptions(options, names)
  return options
}

/** Python writes 1e30 for "no limit". */
function readMaxLength({ model_max_length: length }: JsonObject): number | undefined {
  return typeof length === 'number' && length >= 1 && length < 2 ** 31 ? Math.floor(length) : undefined
}

function checkText(text: unknown): string {
  if (typeof text === 'string') return text
  throw new TokenizerError('TEXT_INVALID', `the text to encode is ${describe(text)}, expected a string`, {
    field: 'text',
    hint: 'Encode several texts one by one.',
  })
}

function checkIds(ids: Iterable<number>): Iterable<number> {
  if (typeof ids === 'object' && ids !== null && Symbol.iterator in ids) return ids
  throw new TokenizerError('TOKEN_INVALID', `the ids are ${describe(ids)}, expected a list of them`, {
    field: 'ids',
    found: ids,
    hint: 'Pass a single id as a list of one.',
  })
}

function checkId(id: number): number {
  if (Number.isInteger(id) && id >= 0) return id
  throw new TokenizerError('TOKEN_INVALID', `token id ${describe(id)} is no whole number from 0 on`, {
    field: 'ids',
    found: id,
    hint: 'Pass the ids that a tokenizer or a model gave.',
  })
}

function isBytePair(json: TokenizerJson): boolean {
  return isObject(json.model) && (json.model.type === 'BPE' || json.model.merges !== undefined)
}

function checkMessages(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const wrong = Array.isArray(messages)
    ? messages.findIndex((message) => typeof message?.role !== 'string')
    : 0
  if (Array.isArray(messages) && messages.length > 0 && wrong === -1) return messages
  const found =
    Array.isArray(messages) && wrong !== -1
      ? `messages[${wrong}] has no role`
      : `messages is ${describe(messages)}`
  throw new ChatTemplateError('CHAT_MESSAGES_INVALID', `${found}, expected at least one { role, content }`, {
    field: 'messages',
    hint: 'Pass for example [{ role: "user", content: "Hello" }].',
  })
}

function checkChatOptions({ addGenerationPrompt, continueFinalMessage }: ChatTemplateOptions): void {
  if (!addGenerationPrompt || !continueFinalMessage) return
  throw new ChatTemplateError(
    'CHAT_OPTIONS_INVALID',
    'continueFinalMessage goes on with the last message, and addGenerationPrompt begins another',
    { field: 'continueFinalMessage', hint: 'Pass one of the two.' },
  )
}
