import type { ChatMessage } from './chat-template.js'
import type { JsonObject } from './json.js'
import type { StreamDecoder } from './stream-decoder.js'

export interface EncodeOptions {
  /** Let the post-processor add what the model expects around a text, such as `<s>`. Default true. */
  readonly addSpecialTokens?: boolean
  /** Ids at most, those around the text included: what is beyond is cut off the text's end. Default: none is. */
  readonly truncateTo?: number | undefined
}

export interface EncodeAsyncOptions extends EncodeOptions {
  /** Ends the work between two slices. */
  readonly signal?: AbortSignal | undefined
  /** Ids that are of use: the work ends with TEXT_TOO_LONG as soon as there are more. */
  readonly maxTokens?: number | undefined
}

/** Two texts as one sequence. */
export interface EncodedPair {
  readonly ids: readonly number[]
  /** Of each id, which text it belongs to, as the model expects to be told. */
  readonly types: readonly number[]
}

/** Words as one sequence. */
export interface EncodedWords {
  readonly ids: readonly number[]
  /** Of each id, the index of its word; undefined for what is put around the words. A word may have no id at all. */
  readonly wordIds: readonly (number | undefined)[]
}

/** A text, and where its tokens stand in it. */
export interface EncodedWithOffsets {
  readonly ids: readonly number[]
  /**
   * Of each id, where the characters that it stands for begin and end, in UTF-16 units; undefined for what is put around the
   * text. An id may stand for a part of a character, which it shares with others.
   */
  readonly offsets: readonly (readonly [start: number, end: number] | undefined)[]
}

export interface DecodeOptions {
  /** Leave out special tokens such as `</s>`. Default true. */
  readonly skipSpecialTokens?: boolean
}

export interface StreamDecoderOptions extends DecodeOptions {
  /** Ids that come before those of the stream, such as a prompt: the pieces go on where their text ends. */
  readonly after?: readonly number[]
  /** Special tokens whose text stays in all the same, such as the openers of tool calls. */
  readonly keptTokenIds?: readonly number[] | undefined
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

export interface ChatTemplateAsyncOptions extends ChatTemplateOptions {
  /** Ends the work between two slices. */
  readonly signal?: AbortSignal | undefined
}

/** Text to token ids and back, with the results of the fast tokenizers of the Python transformers. */
export interface Tokenizer {
  /** Number of tokens, added ones included; the logits of a model may be wider. */
  readonly vocabSize: number
  readonly bosTokenId: number | undefined
  readonly eosTokenId: number | undefined
  readonly padTokenId: number | undefined
  /** What stands where a token is to be guessed. */
  readonly maskTokenId: number | undefined
  /** Ids of the longest text that the files want to see encoded; undefined where they name no limit. */
  readonly modelMaxLength: number | undefined
  /** The id of a token of the vocabulary, or of an added one. */
  tokenToId(token: string): number | undefined
  /**
   * The token ids of a text, in one go: a megabyte takes about a second. Throws TokenizerError; TokenizerFileError
   * TOKENIZER_UNSUPPORTED when a pattern of the tokenizer takes too long for this text, or a stage makes too much of it.
   */
  encode(text: string, options?: EncodeOptions): number[]
  /** The token ids of a text of any length, in slices between which the event loop runs. Throws as `encode`. */
  encodeAsync(text: string, options?: EncodeAsyncOptions): Promise<number[]>
  /**
   * Two texts as one sequence, such as a query and a document, in slices. Where they are too long together, the longer one
   * is cut. Throws as `encode`.
   */
  encodePairAsync(
    first: string,
    second: string,
    options?: Pick<EncodeAsyncOptions, 'truncateTo' | 'signal'>,
  ): Promise<EncodedPair>
  /** The token ids of a text with their offsets, in slices. Throws as `encode`. */
  encodeWithOffsetsAsync(
    text: string,
    options?: Pick<EncodeAsyncOptions, 'truncateTo' | 'signal'>,
  ): Promise<EncodedWithOffsets>
  /**
   * Words that are tokenized one by one, as Python does with `is_split_into_words`, as one sequence, in slices. Throws as
   * `encode`.
   */
  encodeWordsAsync(
    words: readonly string[],
    options?: Pick<EncodeAsyncOptions, 'truncateTo' | 'signal'>,
  ): Promise<EncodedWords>
  /**
   * The text of token ids; bytes that are not UTF-8 become U+FFFD. An id without a token, which logits that are wider
   * than the vocabulary can give, stands for nothing. Throws TokenizerError for what is no id.
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string
  /** The token of an id as the vocabulary writes it, in byte-pair vocabularies with letters for bytes; undefined without one. */
  idToToken(id: number): string | undefined
  /**
   * The bytes of UTF-8 that a token adds to a text in whose middle it stands: part of a character, perhaps. Exact for
   * byte-level tokens, tokens of bytes such as `<0x0A>`, and tokens with a mark for the space. Empty for special tokens and
   * for ids without a token. Throws TokenizerError for what is no id.
   */
  tokenBytes(id: number): Uint8Array
  /** Decodes token by token. The text of `after` and the pieces together equal `decode` of all ids. */
  createStreamDecoder(options?: StreamDecoderOptions): StreamDecoder
  /** The text of the template that a conversation is written with. Throws ChatTemplateError CHAT_TEMPLATE_MISSING. */
  getChatTemplate(options?: Pick<ChatTemplateOptions, 'chatTemplate' | 'tools'>): string
  /** The prompt for a conversation. It contains the special tokens already. Throws ChatTemplateError. */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): string
  /** The token ids of `applyChatTemplate`. */
  encodeChat(messages: readonly ChatMessage[], options?: ChatTemplateOptions): number[]
  /** `encodeChat` in slices, for long conversations. Throws as `encodeAsync`; ChatTemplateError. */
  encodeChatAsync(messages: readonly ChatMessage[], options?: ChatTemplateAsyncOptions): Promise<number[]>
}
