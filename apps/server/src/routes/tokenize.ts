import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.js'
import { demandDecoder, modelFor } from '../generate/begin-generation.js'
import { renderChat } from '../generate/render-chat.js'
import type { Exchange } from '../http/exchange.js'
import { handle } from '../http/handle.js'
import { bodyOf, type Fields, missing, optional, required, text, tokenIds, truth } from '../http/read-body.js'
import type { LoadedDecoder } from '../models/loaded-model.js'
import { readConversation } from '../openai/chat-request.js'
import { modelName } from '../openai/fields.js'
import type { EncodedPrompt } from '../text/protocol.js'

/** `POST /tokenize`: how many tokens a text or a conversation has, and which. Waits in no queue. */
export const tokenize =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const body = bodyOf(request.body)
      const wantsTexts = optional(body, 'return_token_strs', truth) ?? false
      const encode = body.messages == null ? readText(body) : readChat(body)
      return withTexts(context, exchange, modelName(body), async (model) => {
        const { ids } = await encode(model)
        const token_strs = wantsTexts ? await model.texts.runUnqueued({ kind: 'tokens', ids }) : null
        return { body: { count: ids.length, max_model_len: model.contextLength, tokens: ids, token_strs } }
      })
    })

/** `POST /detokenize` */
export const detokenize =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const body = bodyOf(request.body)
      const ids = required(body, 'tokens', tokenIds(), 'a list of token ids')
      return withTexts(context, exchange, modelName(body), async ({ texts }) => ({
        body: { prompt: await texts.runUnqueued({ kind: 'decode', ids }) },
      }))
    })

type Encode = (model: LoadedDecoder) => Promise<EncodedPrompt>

function readText(body: Fields): Encode {
  const content = optional(body, 'prompt', text()) ?? optional(body, 'content', text())
  if (content === undefined) throw missing('prompt', 'a text, or messages')
  const addSpecialTokens = optional(body, 'add_special_tokens', truth) ?? true
  return ({ texts }) => texts.runUnqueued({ kind: 'text', text: content, addSpecialTokens })
}

function readChat(body: Fields): Encode {
  const conversation = readConversation(body)
  return (model) => renderChat(model, conversation, model.texts.runUnqueued)
}

/** Does something with the texts of a model, without generating. */
export async function withTexts<Result>(
  context: ServerContext,
  exchange: Exchange,
  name: string | undefined,
  work: (model: LoadedDecoder) => Promise<Result>,
): Promise<Result> {
  const entry = modelFor(context, exchange, name)
  const lease = await entry.use(exchange.signal)
  try {
    return await work(demandDecoder(lease.model, entry))
  } finally {
    lease.release()
  }
}
