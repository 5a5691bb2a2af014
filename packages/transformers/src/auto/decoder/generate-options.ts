import { quote } from '@hfquant/core/runtime'
import { GenerationConfigError, type GenerationOptions } from '../../generate/index.js'
import type { GrammarOptions } from './answer-grammar.js'
import type { CausalLM } from './causal-lm.js'

/** What a caller may say about one generation. */
export interface GenerateOptions extends GenerationOptions, GrammarOptions {
  readonly signal?: AbortSignal | undefined
  /**
   * Whose text this is. What an earlier prompt or answer left in the cache is used by those of the same scope only: the time
   * that a prompt takes tells whether another one began alike. Default: a scope of all that name none.
   */
  readonly scope?: string | undefined
  /** Called once there is room for the keys and values of the prompt, before it is read. */
  readonly onAdmitted?: ((admission: { readonly cachedTokens: number }) => void) | undefined
  /** Special tokens that are written into the text, such as the markers of calls; all others are left out. Default: none. */
  readonly keptTokenIds?: readonly number[] | undefined
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

/** @throws GenerationConfigError for a scope, a listener or kept tokens that are none. */
export function checkCallOptions({ scope, onAdmitted, keptTokenIds }: GenerateOptions): void {
  if (keptTokenIds !== undefined && !(Array.isArray(keptTokenIds) && keptTokenIds.every(Number.isInteger)))
    throw wrongKind('keptTokenIds', keptTokenIds, 'a list of token ids')
  if (scope !== undefined && typeof scope !== 'string') throw wrongKind('scope', scope, 'a text')
  if (onAdmitted !== undefined && typeof onAdmitted !== 'function')
    throw wrongKind('onAdmitted', onAdmitted, 'a function')
}

const wrongKind = (field: string, found: unknown, expected: string): GenerationConfigError =>
  new GenerationConfigError(
    'GENERATION_OPTION_INVALID',
    `${field} is ${quote(found)}, expected ${expected}`,
    {
      ...{ field, found, expected },
      hint: 'Leave it out, or correct it.',
    },
  )
