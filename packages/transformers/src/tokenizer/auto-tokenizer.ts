import { createTokenizer } from './create-tokenizer.js'
import { readTokenizerFiles } from './read-files.js'
import type { Tokenizer } from './tokenizer.js'

/** Loads the tokenizer that a model folder describes. */
export const AutoTokenizer = {
  /**
   * Reads tokenizer.json and, where present, tokenizer_config.json, special_tokens_map.json, added_tokens.json, chat_template.jinja and
   * additional_chat_templates/ of a folder. Nothing is downloaded. Throws TokenizerFileError.
   *
   * @param options.addedTokens special tokens that get the next free ids, as `add_special_tokens` in Python; those that the
   * files have keep theirs.
   */
  async fromPretrained(
    folder: string,
    { addedTokens }: { readonly addedTokens?: readonly string[] | undefined } = {},
  ): Promise<Tokenizer> {
    return createTokenizer(await readTokenizerFiles(folder), addedTokens)
  },
} as const
