import { ConfigError, checkOptions, quote } from '@hfquant/core/runtime'

/** A part of a text. */
export interface TextSpan {
  readonly start: number
  /** Behind its last character. */
  readonly end: number
}

/** How entities are found. */
export interface PredictOptions {
  /** Scores have to be greater; default 0.5. */
  readonly threshold?: number | undefined
  /** No entity within another one; default true. */
  readonly flatNer?: boolean | undefined
  /** A span may have several labels; default false. */
  readonly multiLabel?: boolean | undefined
  /**
   * A text that is longer than the model reads at once: `windows`, the default, reads it in parts that overlap; `truncate`
   * leaves its end unread, as the Python library does.
   */
  readonly longText?: 'windows' | 'truncate' | undefined
  /** What `start` and `end` count: `utf16` units, the default, as JavaScript does; or `codePoints`, as Python does. */
  readonly offsets?: 'utf16' | 'codePoints' | undefined
  /**
   * Only these spans of each text may be entities. They begin and end where words do, and are counted as `offsets` says;
   * others are passed over.
   */
  readonly inputSpans?: readonly (readonly TextSpan[])[] | undefined
  /** The five best labels of the span of each entity, with their probabilities; default false. Not in token mode. */
  readonly returnClassProbs?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** How texts are read. */
export interface ReadOptions extends Pick<PredictOptions, 'longText' | 'signal'> {
  /** Words of each text at most; default: any number. */
  readonly maxWords?: number | undefined
}

/** Every option has a value, but for those whose absence means something. */
export type CheckedPredictOptions = {
  readonly [Name in keyof PredictOptions]-?: Name extends Optional
    ? PredictOptions[Name]
    : Exclude<PredictOptions[Name], undefined>
}

type Optional = 'inputSpans' | 'signal'

/** Options about texts that have been read. */
const OF_DOCUMENTS = [
  'threshold',
  'flatNer',
  'multiLabel',
  'offsets',
  'inputSpans',
  'returnClassProbs',
  'signal',
] as const satisfies readonly (keyof PredictOptions)[]
const OF_READING = ['longText', 'maxWords', 'signal'] as const satisfies readonly (keyof ReadOptions)[]

/**
 * @param texts of the call: there are as many lists of spans
 * @throws ConfigError OPTIONS_TYPE, OPTION_UNKNOWN or OPTION_VALUE naming the option.
 */
export function checkPredictOptions(options: PredictOptions, texts: number): CheckedPredictOptions {
  checkOptions(options, [...OF_DOCUMENTS, 'longText'])
  return checkedValues(options, texts)
}

/** The same of texts that have been read already. */
export function checkDocumentOptions(
  options: Omit<PredictOptions, 'longText'>,
  documents: number,
): CheckedPredictOptions {
  checkOptions(options, OF_DOCUMENTS)
  return checkedValues(options, documents)
}

/** The same of reading them. */
export function checkReadOptions(
  options: ReadOptions,
): Pick<CheckedPredictOptions, 'longText' | 'signal'> & Pick<ReadOptions, 'maxWords'> {
  checkOptions(options, OF_READING)
  const { maxWords, ...others } = options
  const isCount = maxWords === undefined || (Number.isInteger(maxWords) && maxWords >= 0)
  check('maxWords', maxWords, isCount, 'a whole number from 0 on')
  const { longText, signal } = checkedValues(others, 0)
  return { longText, signal, maxWords }
}

function checkedValues(options: PredictOptions, texts: number): CheckedPredictOptions {
  const { threshold = 0.5, flatNer = true, multiLabel = false } = options
  const { longText = 'windows', offsets = 'utf16', inputSpans, returnClassProbs = false, signal } = options
  const isProbability = typeof threshold === 'number' && threshold >= 0 && threshold <= 1
  check('threshold', threshold, isProbability, 'a number from 0 to 1')
  check('flatNer', flatNer, typeof flatNer === 'boolean', 'true or false')
  check('multiLabel', multiLabel, typeof multiLabel === 'boolean', 'true or false')
  check('longText', longText, ['windows', 'truncate'].includes(longText), "'windows' or 'truncate'")
  check('offsets', offsets, ['utf16', 'codePoints'].includes(offsets), "'utf16' or 'codePoints'")
  check(
    'inputSpans',
    inputSpans,
    areSpans(inputSpans, texts),
    `lists of { start, end }, one for each of ${texts} texts`,
  )
  check('returnClassProbs', returnClassProbs, typeof returnClassProbs === 'boolean', 'true or false')
  check('signal', signal, signal === undefined || signal instanceof AbortSignal, 'an AbortSignal')
  return { threshold, flatNer, multiLabel, longText, offsets, inputSpans, returnClassProbs, signal }
}

const areSpans = (lists: unknown, texts: number): boolean =>
  lists === undefined ||
  (Array.isArray(lists) &&
    lists.length === texts &&
    lists.every((spans) => Array.isArray(spans) && spans.every(isSpan)))

const isSpan = (span: Partial<TextSpan> | null): boolean =>
  Number.isInteger(span?.start) && Number.isInteger(span?.end)

function check(field: string, found: unknown, fits: boolean, expected: string): void {
  if (fits) return
  throw new ConfigError('OPTION_VALUE', `${field} is ${quote(found)}, expected ${expected}`, {
    field,
    found,
    expected,
    hint: `Pass ${expected}, or leave it out.`,
  })
}
