import { Tokenizer } from '@huggingface/tokenizers'
import { TokenizerFileError } from './errors.js'
import type { SpecialTokens } from './special-tokens.js'
import type { TokenizerJson } from './tokenizer-json.js'

/**
 * The part of `@huggingface/tokenizers` that is used here. Declared again because the relative imports in its own
 * declarations have no extensions, so that under Node's resolution every export is untyped.
 */
export interface HubTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: number[] }
  /** `ids` must not be empty, and all must be known. */
  decode(ids: number[], options: { clean_up_tokenization_spaces: boolean }): string
  id_to_token(id: number): string | undefined
  token_to_id(token: string): number | undefined
  readonly pre_tokenizer: Stage | null
}

/** A pre-tokenizer; `byte_encoder` marks the byte-level one, `tokenizers` a sequence. */
interface Stage {
  pattern?: RegExp
  readonly byte_encoder?: object
  readonly tokenizers?: readonly (Stage | null)[]
}

/**
 * GPT-2's split pattern with white space as Unicode defines it. A JavaScript `\s` includes U+FEFF and leaves out
 * U+0085, the reference implementation does the opposite; with `\s` texts that hold either get other ids.
 */
const gpt2Pattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

/**
 * Builds the tokenizer. Of tokenizer_config.json only the special tokens are passed on: the other settings that the
 * package would read belong to the slow tokenizers. Throws TokenizerFileError.
 */
export function createHubTokenizer(json: TokenizerJson, special: SpecialTokens): HubTokenizer {
  try {
    const hub: HubTokenizer = new Tokenizer(json, special)
    useUnicodeWhiteSpace(hub.pre_tokenizer)
    return hub
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TokenizerFileError('TOKENIZER_UNSUPPORTED', `tokenizer.json cannot be used: ${reason}`, {
      file: 'tokenizer.json',
      cause,
      hint: 'A stage of this tokenizer is unknown here, or the file is damaged.',
    })
  }
}

/** Split stages need nothing: the package rewrites their patterns itself. */
function useUnicodeWhiteSpace(stage: Stage | null): void {
  if (stage?.byte_encoder !== undefined) stage.pattern = gpt2Pattern
  stage?.tokenizers?.forEach(useUnicodeWhiteSpace)
}
