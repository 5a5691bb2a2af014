import { ConfigError, checkOptions, quote } from '@hfquant/core/runtime'
import type { TokenLogprobs } from '@hfquant/onnx'
import { checkSignal } from '../open/load-options.js'
import { probabilities, type TokenProbability } from './generate-text.js'

/** A token of a text. What says how likely it was is missing of the first one, which nothing comes before. */
export interface ScoredToken {
  readonly tokenId: number
  /** Natural logarithm of its probability behind the tokens before it. */
  readonly logprob?: number
  /** The likeliest tokens in its place, the likeliest first. */
  readonly topLogprobs?: readonly TokenProbability[]
}

export interface ScoreTextOptions {
  /** Likeliest tokens to tell of in the place of each, 0 to 20. Default 0. */
  readonly top?: number | undefined
  /** Whose text this is; see GenerateOptions. */
  readonly scope?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** As many as `generate` tells of. */
const MOST = 20

/** @throws ConfigError OPTION_VALUE naming the option. */
export function checkScoreOptions(options: ScoreTextOptions): void {
  checkOptions(options, ['top', 'scope', 'signal'])
  const { top = 0, scope, signal } = options
  checkSignal(signal)
  if (!(Number.isSafeInteger(top) && top >= 0 && top <= MOST))
    throw wrongValue('top', top, `a whole number from 0 to ${MOST}`)
  if (scope !== undefined && typeof scope !== 'string') throw wrongValue('scope', scope, 'a text')
}

const wrongValue = (field: string, found: unknown, expected: string): ConfigError =>
  new ConfigError('OPTION_VALUE', `${field} is ${quote(found)}, expected ${expected}`, {
    ...{ field, found, expected },
    hint: 'Leave it out, or correct it.',
  })

/** @param scores of every token but the first. */
export const scoredTokens = (
  ids: readonly number[],
  scores: readonly TokenLogprobs[],
): readonly ScoredToken[] =>
  ids.map((tokenId, index) => ({ tokenId, ...probabilities(index === 0 ? undefined : scores[index - 1]) }))
