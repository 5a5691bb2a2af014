import { ConfigError, checkOptions } from '@hfquant/core'
import type { ChatMessage, ChatTemplateOptions, Tokenizer } from '../../tokenizer/index.js'
import type { Prompt } from './check-tokens.js'
import type { GenerateOptions } from './generate-options.js'

/** How a conversation is written, and how its answer is generated. */
export type ChatOptions = ChatTemplateOptions & GenerateOptions

/**
 * The prompt of a conversation that ends where the answer begins, and the options that are left for generating it.
 *
 * @throws ConfigError for a model without a tokenizer; ChatTemplateError.
 */
export async function chatPrompt(
  messages: readonly ChatMessage[],
  options: ChatOptions,
  tokenizer: Tokenizer | undefined,
): Promise<readonly [Prompt, GenerateOptions]> {
  checkOptions(options)
  const { continueFinalMessage = false, addGenerationPrompt = !continueFinalMessage, ...rest } = options
  const { tools, documents, chatTemplate, variables, now, ...generation } = rest
  if (tokenizer === undefined) {
    throw new ConfigError('TOKENIZER_MISSING', 'the model folder has no tokenizer.json, so it cannot chat', {
      field: 'messages',
      hint: 'Add the tokenizer files to the folder, or generate from { inputIds }.',
    })
  }
  const inputIds = await tokenizer.encodeChatAsync(messages, {
    signal: options.signal,
    addGenerationPrompt,
    continueFinalMessage,
    ...(tools && { tools }),
    ...(documents && { documents }),
    ...(chatTemplate !== undefined && { chatTemplate }),
    ...(variables && { variables }),
    ...(now && { now }),
  })
  return [{ inputIds }, generation]
}
