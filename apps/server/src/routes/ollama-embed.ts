import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.js'
import { embedTexts } from '../encode/embed-texts.js'
import { readInputs } from '../encode/encoder-inputs.js'
import { modelFor } from '../generate/begin-generation.js'
import { handle } from '../http/handle.js'
import { JSON_TYPE, jsonPieces } from '../http/json-pieces.js'
import { bodyOf, type Fields, optional, required, text, truth, whole } from '../http/read-body.js'
import { loadOrUnload } from '../ollama/load-or-unload.js'
import { durations } from '../ollama/ollama-answer.js'
import { ignoredHeader, unknownFields } from '../openai/fields.js'
import { keepAlive as readKeepAlive } from '../openai/generation-request.js'

const FIELDS = ['model', 'input', 'truncate', 'dimensions', 'keep_alive', 'options']

/** `POST /api/embed`: vectors of the length 1, of texts that are cut to what the model reads unless `truncate` is false. */
export const ollamaEmbed =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const body = bodyOf(request.body)
      const name = required(body, 'model', text({ most: 256 }), 'the name of a model')
      const keepAlive = optional(body, 'keep_alive', readKeepAlive)
      if (asksNothing(body)) {
        const { entry } = await loadOrUnload(context, exchange, name, keepAlive)
        return { body: { model: entry.name, embeddings: [] } }
      }
      const truncate = optional(body, 'truncate', truth) ?? true
      const asked = {
        ...{ inputs: readInputs(body), dimensions: optional(body, 'dimensions', whole(1)) },
        ...{ truncateTo: truncate ? Number.POSITIVE_INFINITY : undefined, normalize: true },
      }
      modelFor(context, exchange, name, keepAlive)
      const { outputs, tokens, entry } = await embedTexts(context, exchange, name, asked)
      const { total_duration, load_duration } = durations(exchange.record)
      return {
        headers: { ...JSON_TYPE, ...ignoredHeader(unknownFields(body, FIELDS)) },
        body: jsonPieces('embeddings', outputs, (vector) => [...vector], {
          ...{ model: entry.name, total_duration, load_duration, prompt_eval_count: tokens },
        }),
      }
    })

const asksNothing = ({ input }: Fields): boolean =>
  input == null || input === '' || (Array.isArray(input) && input.length === 0)
