import { quote } from '@hfquant/core'
import { GenerationConfigError, type GenerationOptions } from '../../generate/index.js'
import type { CausalLM } from './causal-lm.js'

/** What a caller may say about one generation. */
export interface GenerateOptions extends GenerationOptions {
  readonly signal?: AbortSignal | undefined
  /**
   * A smaller model with the same vocabulary, whose guesses this one checks several at a time. The tokens are this model's
   * own. Instead of promptLookupNumTokens. Default: none.
   */
  readonly assistantModel?: CausalLM | undefined
}

/**
 * @param kind the class of models, which cannot be imported from here.
 * @throws GenerationConfigError for an assistant that is no model, or beside another source of drafts.
 */
export function checkAssistantOption(
  assistant: unknown,
  kind: typeof CausalLM,
  { promptLookupNumTokens = 0 }: GenerationOptions,
): void {
  if (assistant === undefined) return
  const field = 'assistantModel'
  if (!(assistant instanceof kind)) {
    const expected = 'a model that AutoModelForCausalLM has loaded'
    throw new GenerationConfigError(
      'GENERATION_OPTION_INVALID',
      `assistantModel is ${quote(assistant)}, expected ${expected}`,
      { field, found: assistant, expected, hint: 'Load the smaller model first, and pass it.' },
    )
  }
  if (promptLookupNumTokens === 0) return
  throw new GenerationConfigError(
    'GENERATION_OPTION_INVALID',
    'assistantModel and promptLookupNumTokens are two sources of drafts, expected one',
    { field, found: promptLookupNumTokens, hint: 'Leave out one of them.' },
  )
}
