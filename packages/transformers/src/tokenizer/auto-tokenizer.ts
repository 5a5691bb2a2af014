import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createTokenizer } from './create-tokenizer.js'
import { readTokenizerFiles } from './read-files.js'
import type { Tokenizer } from './tokenizer.js'

/** Loads the tokenizer that a model folder describes. */
export const AutoTokenizer = {
  /**
   * Reads tokenizer.json and, where present, tokenizer_config.json, special_tokens_map.json, added_tokens.json, chat_template.jinja and
   * additional_chat_templates/ of a folder; without tokenizer.json, the metadata of its only GGUF file. Nothing is downloaded.
   * Throws TokenizerFileError; for a GGUF file as `fromPretrained` of a model.
   *
   * @param options.addedTokens special tokens that get the next free ids, as `add_special_tokens` in Python; those that the
   * files have keep theirs.
   */
  async fromPretrained(
    folder: string,
    { addedTokens }: { readonly addedTokens?: readonly string[] | undefined } = {},
  ): Promise<Tokenizer> {
    return createTokenizer(await readTokenizerFiles(await tokenizerFolder(folder)), addedTokens)
  },
} as const

/** What reads GGUF files knows every family of models: it is loaded for those files alone. */
async function tokenizerFolder(folder: string): Promise<string> {
  if (existsSync(join(folder, 'tokenizer.json'))) return folder
  return (await import('../auto/gguf/unfold-gguf.js')).modelFolder(folder)
}
