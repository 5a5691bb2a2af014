import type { FastifyReply, FastifyRequest } from 'fastify'
import type { BaseEncoder, EncoderInput, SequenceClassifier } from 'hfquant'
import type { ServerContext } from '../context.js'
import type { BatchItem } from '../encode/batcher.js'
import { runTexts } from '../encode/run-texts.js'
import { withEncoder } from '../encode/with-encoder.js'
import { ApiError } from '../http/api-error.js'
import { handle } from '../http/handle.js'
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
import { ignoredHeader, sortFields } from '../openai/fields.js'
import { newId } from '../openai/ids.js'

/** A text, or tokens that are used as they are. */
type EncoderText = string | readonly number[]

const MOST_INPUTS = 2048
const MOST_TOKENS = 300_000

/** `POST /v1/embeddings` */
export const embeddings =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, (exchange) => {
      const body = bodyOf(request.body)
      const ignored = sortFields(body, [
        ...['model', 'input', 'encoding_format', 'dimensions', 'truncate_prompt_tokens'],
      ])
      const inputs = readInputs(body)
      const format = optional(body, 'encoding_format', oneOf(['float', 'base64'])) ?? 'float'
      const dimensions = optional(body, 'dimensions', whole(1))
      const truncates = optional(body, 'truncate_prompt_tokens', whole(-1)) !== undefined
      return withEncoder(
        ...([context, exchange, modelName(body)] as const),
        (model) =>
          model.kind === 'encoder' && model.task === 'embed' ? (model.encoder as BaseEncoder) : undefined,
        (encoder: BaseEncoder, texts: readonly EncoderInput[]) => encoder.embed(texts),
        async ({ model, entry, batcher }) => {
          const { outputs: vectors, tokens } = await runTexts(exchange, batcher, () =>
            countTokens(inputs, model, truncates, exchange.signal),
          )
          const [first] = vectors
          if (dimensions !== undefined && dimensions !== first?.length) {
            throw wrongValue(
              String(dimensions),
              'dimensions',
              `${first?.length}, which is what the model gives`,
            )
          }
          return {
            headers: ignored.length === 0 ? {} : { 'x-hfquant-ignored': ignoredHeader(ignored) },
            body: {
              ...{ id: newId('embd'), object: 'list', model: entry.name },
              data: vectors.map((vector, index) => ({
                ...{ object: 'embedding', index },
                embedding: format === 'float' ? [...vector] : base64Of(vector),
              })),
              usage: { prompt_tokens: tokens, total_tokens: tokens },
            },
          }
        },
      )
    })

/** `POST /classify`: the class of each text, in the shape of vLLM's. */
export const classify =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, (exchange) => {
      const body = bodyOf(request.body)
      const ignored = sortFields(body, ['model', 'input', 'truncate_prompt_tokens'])
      const inputs = readInputs(body)
      const truncates = optional(body, 'truncate_prompt_tokens', whole(-1)) !== undefined
      return withEncoder(
        ...([context, exchange, modelName(body)] as const),
        (model) =>
          model.kind === 'encoder' && model.task === 'classify'
            ? (model.encoder as SequenceClassifier)
            : undefined,
        (encoder: SequenceClassifier, texts: readonly EncoderInput[]) =>
          encoder.classify(texts, { truncation: true }),
        async ({ model, entry, batcher }) => {
          const { outputs: results, tokens } = await runTexts(exchange, batcher, () =>
            countTokens(inputs, model, truncates, exchange.signal),
          )
          return {
            headers: ignored.length === 0 ? {} : { 'x-hfquant-ignored': ignoredHeader(ignored) },
            body: {
              ...{ object: 'list', created: Math.floor(Date.now() / 1000), model: entry.name },
              data: results.map(({ scores }, index) => ({
                ...{ index, label: scores[0]!.label, num_classes: model.labels.length },
                probs: model.labels.map((label) => scores.find((one) => one.label === label)!.score),
              })),
              usage: { prompt_tokens: tokens, total_tokens: tokens },
            },
          }
        },
      )
    })

const modelName = (body: Fields) => optional(body, 'model', text({ most: 256 }))

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

/** Reads the texts in slices; those that are too long are refused unless they may be cut. */
async function countTokens(
  inputs: readonly EncoderText[],
  model: Pick<BaseEncoder, 'maxLength' | 'tokenizer'>,
  truncates: boolean,
  signal: AbortSignal,
): Promise<readonly BatchItem<EncoderInput>[]> {
  const tokenizer = await model.tokenizer()
  const counts: BatchItem<EncoderInput>[] = []
  let total = 0
  for (const [index, one] of inputs.entries()) {
    signal.throwIfAborted()
    const found = typeof one === 'string' ? ((await tokenizer?.encodeAsync(one))?.length ?? 0) : one.length
    const where = inputs.length === 1 ? 'input' : `input[${index}]`
    if (found > model.maxLength && !truncates) {
      throw new ApiError(
        'context_length_exceeded',
        `${where} has ${found} tokens, and the model takes ${model.maxLength}; shorten it, or set truncate_prompt_tokens to -1`,
        {
          param: where,
        },
      )
    }
    const size = Math.min(found, model.maxLength)
    total += size
    if (total > MOST_TOKENS) throw wrongValue(`more than ${MOST_TOKENS} tokens`, 'input', 'fewer texts')
    counts.push({
      input: typeof one === 'string' ? one : { inputIds: one.slice(0, model.maxLength) },
      ...{ size, kind: '' },
    })
  }
  return counts
}

/** Little-endian float32, as every machine that ONNX Runtime is built for holds it. */
const base64Of = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
