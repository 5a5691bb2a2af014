import { type EncoderInput, HfquantError } from 'hfquant'
import { ApiError } from '../http/api-error.js'
import {
  type Fields,
  listOf,
  missing,
  type Read,
  text,
  tokenIds,
  wrongType,
  wrongValue,
} from '../http/read-body.js'
import type { TextReading } from '../models/loaded-model.js'
import type { BatchItem } from './batcher.js'

/** A text, or tokens that are used as they are. */
export type EncoderText = string | readonly number[]

const MOST_INPUTS = 2048
const MOST_TOKENS = 300_000

const ids = tokenIds({ least: 1 })
const input: Read<EncoderText> = (value, path) =>
  typeof value === 'string' ? text({ least: 1 })(value, path) : ids(value, path)

/**
 * Texts or tokens, one or several.
 *
 * @throws ApiError naming the field `input`.
 */
export function readInputs(body: Fields): readonly EncoderText[] {
  const value = body.input ?? undefined
  const expected = 'a text, token ids, or a list of either'
  if (value === undefined) throw missing('input', expected)
  if (typeof value === 'string') return [input(value, 'input')]
  if (!Array.isArray(value)) throw wrongType(value, 'input', expected)
  if (typeof value[0] === 'number') return [ids(value, 'input')]
  return listOf(input, { least: 1, most: MOST_INPUTS })(value, 'input')
}

/**
 * Texts become tokens away from the main thread, one after the other: those of other requests come in between.
 *
 * @param truncation tokens that longer texts are cut to; infinite: to as many as the model reads; undefined: they are refused.
 * @param kind only texts of one are computed together.
 * @throws ApiError naming the text; the reason of the signal.
 */
export async function readTokens(
  inputs: readonly EncoderText[],
  reading: TextReading,
  truncation: number | undefined,
  signal: AbortSignal,
  kind = '',
): Promise<readonly BatchItem<EncoderInput>[]> {
  const truncateTo = truncation && Math.min(truncation, reading.maxLength)
  const items: BatchItem<EncoderInput>[] = []
  let total = 0
  for (const [index, one] of inputs.entries()) {
    signal.throwIfAborted()
    const where = inputs.length === 1 ? 'input' : `input[${index}]`
    const input =
      typeof one === 'string'
        ? await tokensOfText(one, where, reading, truncateTo)
        : { inputIds: one.slice(0, truncateTo) }
    const size = input.inputIds.length
    if (size > reading.maxLength) throw tooLong(where, `${size}`, reading)
    total += size
    if (total > MOST_TOKENS) throw wrongValue(`more than ${MOST_TOKENS} tokens`, 'input', 'fewer texts')
    items.push({ input, size, kind })
  }
  return items
}

async function tokensOfText(
  one: string,
  where: string,
  reading: TextReading,
  truncateTo: number | undefined,
): Promise<{ readonly inputIds: readonly number[]; readonly promptTokens: number }> {
  const { texts, textOf, promptTokens } = reading
  if (texts === undefined) {
    throw new ApiError('unsupported_value', 'the model has no tokenizer; send token ids', { param: where })
  }
  const job = { kind: 'text', text: textOf(one), addSpecialTokens: true, truncateTo } as const
  const { ids } = await texts.run(job).catch((error: unknown) => {
    throw HfquantError.isInstance(error) && error.code === 'PROMPT_TOO_LONG'
      ? tooLong(where, `more than ${reading.maxLength}`, reading)
      : error
  })
  return { inputIds: ids, promptTokens }
}

const tooLong = (where: string, found: string, { maxLength }: TextReading): ApiError =>
  new ApiError(
    'context_length_exceeded',
    `${where} has ${found} tokens, and the model reads ${maxLength}; shorten it, or set truncate_prompt_tokens to -1`,
    { param: where },
  )

/** What the library calls its argument is the field `input` here. */
export const namingInput = <Result>(work: Promise<Result>): Promise<Result> =>
  work.catch((error: unknown) => {
    if (!HfquantError.isInstance(error) || error.field !== 'inputIds') throw error
    throw new HfquantError(error.code, error.message, { hint: error.hint, cause: error, field: 'input' })
  })
