import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ClassifiedText, type EncoderInput, HfquantError } from 'hfquant'
import type { ServerContext } from '../context.js'
import type { BatchItem } from '../encode/batcher.js'
import { encodeTexts } from '../encode/encode-texts.js'
import { ApiError } from '../http/api-error.js'
import { handle } from '../http/handle.js'
import { jsonPieces } from '../http/json-pieces.js'
import {
  bodyOf,
  type Fields,
  listOf,
  missing,
  oneOf,
  optional,
  type Read,
  text,
  tokenIds,
  whole,
  wrongType,
  wrongValue,
} from '../http/read-body.js'
import type { TextReading } from '../models/loaded-model.js'
import { ignoredHeader, modelName, sortFields } from '../openai/fields.js'
import { newId } from '../openai/ids.js'

/** A text, or tokens that are used as they are. */
type EncoderText = string | readonly number[]

const MOST_INPUTS = 2048
const MOST_TOKENS = 300_000

/** `POST /v1/embeddings` */
export const embeddings =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const body = bodyOf(request.body)
      const ignored = sortFields(body, [
        ...['model', 'input', 'encoding_format', 'dimensions', 'truncate_prompt_tokens'],
      ])
      const inputs = readInputs(body)
      const format = optional(body, 'encoding_format', oneOf(['float', 'base64'])) ?? 'float'
      const dimensions = optional(body, 'dimensions', whole(1))
      const truncateTo = readTruncation(body)
      const { outputs, tokens, entry } = await encodeTexts(context, exchange, modelName(body), {
        select: (model) => (model.kind === 'encoder' && model.task === 'embed' ? model : undefined),
        read: ({ reading }, signal) => readTokens(inputs, reading, truncateTo, signal),
        compute: ({ encoder }, texts: readonly EncoderInput[]) => namingInput(encoder.embed(texts)),
      })
      const width = outputs[0]?.length
      if (dimensions !== undefined && dimensions !== width) {
        throw wrongValue(String(dimensions), 'dimensions', `${width}, which is what the model gives`)
      }
      const embeddingOf = (vector: Float32Array, index: number) => ({
        ...{ object: 'embedding', index },
        embedding: format === 'float' ? [...vector] : base64Of(vector),
      })
      return {
        headers: { ...JSON_TYPE, ...ignoredHeader(ignored) },
        body: jsonPieces('data', outputs, embeddingOf, {
          ...{ id: newId('embd'), object: 'list', model: entry.name },
          usage: { prompt_tokens: tokens, total_tokens: tokens },
        }),
      }
    })

/** `POST /classify`: the class of each text, in the shape of vLLM's. */
export const classify =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const body = bodyOf(request.body)
      const ignored = sortFields(body, ['model', 'input', 'truncate_prompt_tokens'])
      const inputs = readInputs(body)
      const truncateTo = readTruncation(body)
      const { outputs, tokens, entry, model } = await encodeTexts(context, exchange, modelName(body), {
        select: (model) => (model.kind === 'encoder' && model.task === 'classify' ? model : undefined),
        read: ({ reading }, signal) => readTokens(inputs, reading, truncateTo, signal),
        compute: ({ encoder }, texts: readonly EncoderInput[]) => namingInput(encoder.classify(texts)),
      })
      const { labels } = model.encoder
      const classOf = ({ scores }: ClassifiedText, index: number) => {
        const byLabel = new Map(scores.map(({ label, score }) => [label, score]))
        return {
          ...{ index, label: scores[0]!.label, num_classes: labels.length },
          probs: labels.map((label) => byLabel.get(label)!),
        }
      }
      return {
        headers: { ...JSON_TYPE, ...ignoredHeader(ignored) },
        body: jsonPieces('data', outputs, classOf, {
          ...{ object: 'list', created: Math.floor(Date.now() / 1000), model: entry.name },
          usage: { prompt_tokens: tokens, total_tokens: tokens },
        }),
      }
    })

/** Of an answer that is written piece by piece. */
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

const ids = tokenIds({ least: 1 })
const input: Read<EncoderText> = (value, path) =>
  typeof value === 'string' ? text({ least: 1 })(value, path) : ids(value, path)

/** Texts or tokens, one or several. */
function readInputs(body: Fields): readonly EncoderText[] {
  const value = body.input ?? undefined
  const expected = 'a text, token ids, or a list of either'
  if (value === undefined) throw missing('input', expected)
  if (typeof value === 'string') return [input(value, 'input')]
  if (!Array.isArray(value)) throw wrongType(value, 'input', expected)
  if (typeof value[0] === 'number') return [ids(value, 'input')]
  return listOf(input, { least: 1, most: MOST_INPUTS })(value, 'input')
}

/** Tokens that longer texts are cut to; infinite: to as many as the model reads. Undefined: longer ones are refused. */
function readTruncation(body: Fields): number | undefined {
  const most = optional(body, 'truncate_prompt_tokens', whole(-1))
  if (most === 0)
    throw wrongValue('0', 'truncate_prompt_tokens', 'a number of tokens, or -1 for those of the model')
  return most === -1 ? Number.POSITIVE_INFINITY : most
}

/** Texts become tokens away from the main thread, one after the other: those of other requests come in between. */
async function readTokens(
  inputs: readonly EncoderText[],
  reading: TextReading,
  truncation: number | undefined,
  signal: AbortSignal,
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
    items.push({ input, size, kind: '' })
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
const namingInput = <Result>(work: Promise<Result>): Promise<Result> =>
  work.catch((error: unknown) => {
    if (!HfquantError.isInstance(error) || error.field !== 'inputIds') throw error
    throw new HfquantError(error.code, error.message, { hint: error.hint, cause: error, field: 'input' })
  })

/** Little-endian float32, as every machine that ONNX Runtime is built for holds it. */
const base64Of = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
