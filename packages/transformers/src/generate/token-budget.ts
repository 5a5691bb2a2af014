import { GenerationConfigError } from './errors.js'
import type { GenerationConfig } from './generation-options.js'

/** What transformers generates when nobody gives a limit. */
const DEFAULT_NEW_TOKENS = 20

/**
 * How many tokens may be generated after a prompt of `promptLength` tokens by a model with `contextLength` positions.
 * At least 1. maxNewTokens wins over maxLength. Throws GenerationConfigError if the prompt leaves no room.
 */
export function tokenBudget(
  config: Pick<GenerationConfig, 'maxNewTokens' | 'maxLength'>,
  promptLength: number,
  contextLength = Number.POSITIVE_INFINITY,
): number {
  const { maxNewTokens, maxLength } = config
  const wanted = maxNewTokens ?? (maxLength === undefined ? DEFAULT_NEW_TOKENS : maxLength - promptLength)
  if (wanted < 1) throw promptTooLong(promptLength, 'maxLength', maxLength, 'Give maxNewTokens instead.')
  const room = contextLength - promptLength
  if (room < 1) throw promptTooLong(promptLength, 'the context length', contextLength, 'Shorten the prompt.')
  return Math.min(wanted, room)
}

/**
 * How many of `budget` tokens have room behind a prompt in a cache for sequences of `longest` tokens. At least 1. Throws
 * GenerationConfigError if the prompt leaves no room.
 *
 * @param bytesOf bytes of keys and values of a sequence of so many tokens.
 */
export function roomInCache(
  budget: number,
  promptLength: number,
  { longest, bytesOf }: { readonly longest: number; readonly bytesOf: (tokens: number) => number },
): number {
  const room = longest - promptLength
  if (room < 1) {
    const needed = `for it and an answer, keys and values need ${bytesOf(promptLength + 1)} bytes, and the most tokens that they have room for`
    const hint =
      'Shorten the prompt, or load the model with more kvCacheMemory, as far as the machine has it.'
    throw promptTooLong(promptLength, needed, longest, hint)
  }
  return Math.min(budget, room)
}

function promptTooLong(
  found: number,
  what: string,
  limit: number | undefined,
  hint: string,
): GenerationConfigError {
  return new GenerationConfigError('PROMPT_TOO_LONG', `the prompt has ${found} tokens, ${what} is ${limit}`, {
    field: 'prompt',
    found,
    expected: limit,
    hint,
  })
}
