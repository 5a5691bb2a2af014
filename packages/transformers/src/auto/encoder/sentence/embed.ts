import { ConfigError, quote } from '@hfquant/core/runtime'
import { trim } from '../../../jinja/text/white-space.js'
import type { EncoderInput, EncoderTokens } from '../text-input.js'
import { applyDense } from './dense.js'
import { pool } from './pooling.js'
import type { SentenceSettings } from './sentence-settings.js'

/** How texts become vectors. */
export interface EmbedOptions {
  /** What is put before every text. */
  readonly prompt?: string | undefined
  /** The name of one of the prompts that the folder has: "query". Default: the one that the folder says, or none. */
  readonly promptName?: string | undefined
  /** Gives vectors the length 1 where the folder does not say so. Default false. */
  readonly normalize?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export const EMBED_OPTIONS = [
  'prompt',
  'promptName',
  'normalize',
  'signal',
] as const satisfies readonly (keyof EmbedOptions)[]

/** How texts are read that become vectors. */
export interface SentenceInput {
  /** Tokens of the longest text; longer ones are cut. */
  readonly maxLength: number
  /** Tokens of the prompt, which the pooling leaves out. */
  readonly promptTokens: number
  /** What the tokenizer is given. */
  textOf(text: string): string
}

/**
 * What is put before texts.
 *
 * @throws ConfigError PROMPT_UNKNOWN for a name that the folder has no prompt of.
 */
export function promptOf({ prompts, defaultPrompt }: SentenceSettings, options: EmbedOptions): string {
  if (options.prompt !== undefined) return options.prompt
  const { promptName = defaultPrompt } = options
  if (promptName === undefined) return ''
  if (Object.hasOwn(prompts, promptName)) return prompts[promptName]!
  const known = Object.keys(prompts)
  throw new ConfigError('PROMPT_UNKNOWN', `the model has no prompt ${quote(promptName)}`, {
    field: 'promptName',
    found: promptName,
    expected: known,
    hint: known.length === 0 ? 'It has none; pass `prompt`.' : `It has ${known.join(', ')}.`,
  })
}

/** A text as sentence-transformers hands it to the tokenizer. */
export function preparedText(text: string, { lowersCase }: SentenceSettings): string {
  const trimmed = trim(text)
  return lowersCase ? trimmed.toLowerCase() : trimmed
}

/** @throws ConfigError PROMPT_TOKENS. */
export function checkPromptTokens(input: Exclude<EncoderInput, string>): number {
  const { promptTokens = 0 } = input as Partial<EncoderTokens>
  if (Number.isInteger(promptTokens) && promptTokens >= 0) return promptTokens
  throw new ConfigError(
    'PROMPT_TOKENS',
    `promptTokens is ${quote(promptTokens)}, expected a whole number of tokens`,
    {
      ...{ field: 'promptTokens', found: promptTokens, expected: 'a whole number' },
      hint: 'Leave it out where no prompt comes before the text.',
    },
  )
}

/** The vector of a text, of its hidden states [tokens, width]. */
export function sentenceVector(
  states: Float32Array,
  width: number,
  { pooling, dense, normalizes }: SentenceSettings,
  {
    promptTokens,
    normalize = false,
  }: { readonly promptTokens: number; readonly normalize?: boolean | undefined },
): Float32Array {
  const pooled = pool(states, width, pooling, promptTokens)
  const vector = dense.reduce((x, layer) => applyDense(layer, x), pooled)
  if (!normalizes && !normalize) return Float32Array.from(vector)
  const length = Math.max(Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)), LEAST_LENGTH)
  return Float32Array.from(vector, (value) => value / length)
}

/** As PyTorch's `normalize` has it. */
const LEAST_LENGTH = 1e-12
