import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClassifiedText, EncoderInput } from 'hfquant'
import type { ServerContext } from '../context.js'
import { embedTexts } from '../encode/embed-texts.js'
import { encodeTexts } from '../encode/encode-texts.js'
import { namingInput, readInputs, readTokens } from '../encode/encoder-inputs.js'
import { handle } from '../http/handle.js'
import { JSON_TYPE, jsonPieces } from '../http/json-pieces.js'
import { bodyOf, type Fields, oneOf, optional, whole, wrongValue } from '../http/read-body.js'
import { ignoredHeader, modelName, sortFields } from '../openai/fields.js'
import { newId } from '../openai/ids.js'

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
      const asked = { inputs, dimensions, truncateTo: readTruncation(body) }
      const { outputs, tokens, entry } = await embedTexts(context, exchange, modelName(body), asked)
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

/** Tokens that longer texts are cut to; infinite: to as many as the model reads. Undefined: longer ones are refused. */
function readTruncation(body: Fields): number | undefined {
  const most = optional(body, 'truncate_prompt_tokens', whole(-1))
  if (most === 0)
    throw wrongValue('0', 'truncate_prompt_tokens', 'a number of tokens, or -1 for those of the model')
  return most === -1 ? Number.POSITIVE_INFINITY : most
}

/** Little-endian float32, as every machine that ONNX Runtime is built for holds it. */
const base64Of = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
