import { ConfigError, checkOptions, quote } from '@hfquant/core/runtime'

/** Options of the calls of every task. */
export interface CallOptions {
  /** Ends the call, which then rejects with its reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The options of a call, all of which are known.
 *
 * @param own names of those that the task has beside `CallOptions`
 * @throws ConfigError OPTION_UNKNOWN with the likeliest name; OPTIONS_TYPE; OPTION_VALUE for a signal that is none.
 */
export function knownOptions<Options extends CallOptions>(
  options: Options | undefined,
  own: readonly (keyof Options & string)[],
): Options {
  if (options === undefined) return {} as Options
  checkOptions(options, [...own, 'signal'])
  checkSignal(options.signal)
  return options
}

/** @throws ConfigError OPTION_VALUE for a signal that is none. */
export function checkSignal(signal: unknown): void {
  checkOption('signal', signal, signal === undefined || signal instanceof AbortSignal, 'an AbortSignal')
}

/** @throws ConfigError OPTION_VALUE naming the option. */
export function checkOption(field: string, found: unknown, fits: boolean, expected: string): void {
  if (fits) return
  throw new ConfigError('OPTION_VALUE', `${field} is ${quote(found)}, expected ${expected}`, {
    ...{ field, found, expected },
    hint: `Pass ${expected}, or leave it out.`,
  })
}

/** How many of the best are given: null for all. */
export function checkTopK(found: unknown): void {
  const fits = found === null || (Number.isInteger(found) && (found as number) >= 1)
  checkOption('top_k', found, fits, 'a whole number from 1 on, or null for all')
}

/**
 * Texts that are to be read: one, or a list of them.
 *
 * @throws ConfigError TEXTS_TYPE, also for an empty list.
 */
export function checkTexts(
  texts: unknown,
  isText = (value: unknown): boolean => typeof value === 'string',
): void {
  const isList = Array.isArray(texts) && texts.length > 0
  if (isText(texts) || (isList && texts.every(isText))) return
  throw new ConfigError('TEXTS_TYPE', `the input is ${quote(texts)}, expected a text or a list of texts`, {
    field: 'texts',
    found: texts,
    hint: 'Pass a string, or a list of strings that is not empty.',
  })
}
