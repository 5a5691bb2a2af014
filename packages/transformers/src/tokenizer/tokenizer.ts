import type { ChatMessage, ChatTemplateInput } from './chat-template.js'
import { createChatRenderer, readChatTemplates } from './chat-templates.js'
import { cleanUp, createCleanUpStream } from './clean-up.js'
import { ChatTemplateError, TokenizerError } from './errors.js'
import { createHubTokenizer } from './hub-tokenizer.js'
import { describe, isObject, type JsonObject } from './json.js'
import type { TokenizerFiles } from './read-files.js'
import { completeAddedTokens, readSpecialTokens } from './special-tokens.js'
import { createStreamDecoder, type StreamDecoder } from './stream-decoder.js'
import { checkTokenizerJson, type TokenizerJson } from './tokenizer-json.js'

export interface EncodeOptions {
  /** Let the post-processor add what the model expects around a text, such as `<s>`. Default true. */
  readonly addSpecialTokens?: boolean
}

export interface DecodeOptions {
  /** Leave out special tokens such as `</s>`. Default true. */
  readonly skipSpecialTokens?: boolean
}

export interface ChatTemplateOptions {
  /** End with the header of the assistant's answer, so that the model writes one. Default false. */
  readonly addGenerationPrompt?: boolean
  /**
   * End with the text of the last message, for a model that goes on from there; excludes `addGenerationPrompt`.
   * Default false.
   */
  readonly continueFinalMessage?: boolean
  /** Tools as JSON schemas, for templates that know tools. */
  readonly tools?: readonly JsonObject[]
  /** Documents for retrieval, for templates that know them. */
  readonly documents?: readonly JsonObject[]
  /** The name of one of the tokenizer's templates, or a whole Jinja template. */
  readonly chatTemplate?: string
  /** Further variables that a template reads, such as `enable_thinking`. */
  readonly variables?: { readonly [name: string]: unknown }
  /** What `strftime_now` calls now. Default: the current time. */
  readonly now?: Date
}

/** Text to token ids and back, with the results of the fast tokenizers of the Python transformers. */
export interface Tokenizer {
  /** Number of tokens, added ones included; the logits of a model may be wider. */
  readonly vocabSize: number
  readonly bosTokenId: number | undefined
  readonly eosTokenId: number | undefined
  readonly padTokenId: number | undefined
  /** The token ids of a text. Throws TokenizerError. */
  encode(text: string, options?: EncodeOptions): number[]
  /** The text of token ids; bytes that are not UTF-8 become U+FFFD. Throws TokenizerError on an unknown id. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string
  /** Decodes token by token; the pieces together equal `decode`. */
  createStreamDecoder(options?: DecodeOptions): StreamDecoder
  /** The prompt for a conversation. It contains the special tokens already. Throws ChatTemplateError. */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): string
  /** The token ids of `applyChatTemplate`. */
  encodeChat(messages: readonly ChatMessage[], options?: ChatTemplateOptions): number[]
}

/** Builds a tokenizer from the contents of its files. Throws TokenizerFileError. */
export function createTokenizer(files: TokenizerFiles): Tokenizer {
  const special = readSpecialTokens(files.config, files.specialTokensMap)
  const checked = checkTokenizerJson(files.tokenizer)
  const json = completeAddedTokens(checked, files.config, special)
  const hub = createHubTokenizer(json, special)
  const idOf = (token: string | undefined) => (token === undefined ? undefined : hub.token_to_id(token))
  const specialIds = new Set(json.added_tokens.filter((token) => token.special === true).map(({ id }) => id))
  // Byte-pair text already has its spaces in place: transformers ignores the setting there, too.
  const cleansUp = files.config.clean_up_tokenization_spaces === true && !isBytePair(json)
  const renderChat = createChatRenderer(readChatTemplates(files.config, files.templateFiles))

  function decodeRaw(ids: number[]): string {
    return ids.length === 0 ? '' : hub.decode(ids, { clean_up_tokenization_spaces: false })
  }

  function checkId(id: number): number {
    if (Number.isInteger(id) && hub.id_to_token(id) !== undefined) return id
    throw new TokenizerError('TOKEN_UNKNOWN', `token id ${describe(id)} is not in the vocabulary`, {
      field: 'ids',
      found: id,
      hint: 'Check that tokenizer and model belong together; logits may be wider than the vocabulary.',
    })
  }

  const tokenizer: Tokenizer = {
    vocabSize: new Set([...checked.vocabulary.keys(), ...json.added_tokens.map(({ content }) => content)])
      .size,
    bosTokenId: idOf(special.bos_token),
    eosTokenId: idOf(special.eos_token),
    padTokenId: idOf(special.pad_token),

    encode(text, { addSpecialTokens = true } = {}) {
      if (typeof text !== 'string') {
        throw new TokenizerError(
          'TEXT_INVALID',
          `the text to encode is ${describe(text)}, expected a string`,
          {
            field: 'text',
            hint: 'Encode several texts one by one.',
          },
        )
      }
      return hub.encode(text, { add_special_tokens: addSpecialTokens }).ids
    },

    decode(ids, { skipSpecialTokens = true } = {}) {
      const kept = Array.from(ids, checkId).filter((id) => !(skipSpecialTokens && specialIds.has(id)))
      const text = decodeRaw(kept)
      return cleansUp ? cleanUp(text) : text
    },

    createStreamDecoder({ skipSpecialTokens = true } = {}) {
      const decoder = createStreamDecoder(decodeRaw)
      const cleaner = cleansUp ? createCleanUpStream() : undefined
      const clean = (text: string) => cleaner?.push(text) ?? text
      return {
        push: (id) =>
          skipSpecialTokens && specialIds.has(checkId(id)) ? '' : clean(decoder.push(checkId(id))),
        flush: () => clean(decoder.flush()) + (cleaner?.flush() ?? ''),
      }
    },

    applyChatTemplate(messages, options = {}) {
      checkChatOptions(options)
      const input: ChatTemplateInput = {
        messages: checkMessages(messages),
        addGenerationPrompt: options.addGenerationPrompt ?? false,
        continueFinalMessage: options.continueFinalMessage ?? false,
        tools: options.tools,
        documents: options.documents,
        variables: { ...special, ...options.variables },
        now: options.now ?? new Date(),
      }
      return renderChat(input, options.chatTemplate)
    },

    encodeChat(messages, options) {
      return tokenizer.encode(tokenizer.applyChatTemplate(messages, options), { addSpecialTokens: false })
    },
  }
  return tokenizer
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
