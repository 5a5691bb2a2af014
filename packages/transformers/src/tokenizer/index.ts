export { AutoTokenizer } from './auto-tokenizer.js'
export type { ChatMessage } from './chat-template.js'
export { codePointOffsets } from './code-points.js'
export { runAtOnce, runInSlices, type Steps } from './engine/steps.js'
export { ChatTemplateError, TokenizerError, TokenizerFileError } from './errors.js'
export type { StreamDecoder } from './stream-decoder.js'
export type {
  ChatTemplateAsyncOptions,
  ChatTemplateOptions,
  DecodeOptions,
  EncodeAsyncOptions,
  EncodedPair,
  EncodedWithOffsets,
  EncodedWords,
  EncodeOptions,
  StreamDecoderOptions,
  Tokenizer,
} from './tokenizer.js'
