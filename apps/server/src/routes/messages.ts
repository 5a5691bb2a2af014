import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.js'
import { type AnswerPart, countUsage, wholeAnswer } from '../generate/answer-parts.js'
import { type BegunGeneration, beginGeneration } from '../generate/begin-generation.js'
import { continued, renderChat } from '../generate/render-chat.js'
import type { Exchange } from '../http/exchange.js'
import { type Answer, handle } from '../http/handle.js'
import { streamAnswer } from '../http/stream-answer.js'
import {
  messageBlocks,
  messageEvents,
  messagesUsage,
  newMessageId,
  stopOf,
} from '../messages/messages-answer.js'
import { type MessagesRequest, readMessagesRequest } from '../messages/messages-request.js'
import { MESSAGES_STREAM } from '../messages/messages-stream.js'
import { answerHeaders } from '../openai/answer-headers.js'
import { withTexts } from './tokenize.js'

/** `POST /v1/messages`: Anthropic's API. */
export const messages =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const asked = readMessagesRequest(request.body)
      const begun = await beginGeneration(context, exchange, asked, async (model) => [
        await renderChat(model, continued(asked)),
      ])
      if (!asked.stream) return answer(context, asked, begun)
      reply.hijack()
      await stream(context, exchange, asked, begun)
      return undefined
    })

/** `POST /v1/messages/count_tokens` */
export const countMessageTokens =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const asked = readMessagesRequest(request.body, true)
      return withTexts(context, exchange, asked.model, async (model) => ({
        body: {
          input_tokens: (await renderChat(model, continued(asked), model.texts.runUnqueued)).ids.length,
        },
      }))
    })

async function answer(
  context: ServerContext,
  { ignored }: MessagesRequest,
  begun: BegunGeneration,
): Promise<Answer> {
  const { events, usage, last } = await wholeAnswer(begun.parts)
  return {
    headers: answerHeaders(context, begun, ignored),
    body: {
      ...{ id: newMessageId(), type: 'message', role: 'assistant', model: begun.entry.name },
      content: messageBlocks(events),
      ...stopOf(last),
      usage: messagesUsage(usage),
    },
  }
}

async function stream(
  context: ServerContext,
  exchange: Exchange,
  { ignored }: MessagesRequest,
  begun: BegunGeneration,
): Promise<void> {
  const usage = countUsage(1)
  const headers = answerHeaders(context, begun, ignored)
  const events = messageEvents()
  await streamAnswer(context, exchange, MESSAGES_STREAM, headers, async (send) => {
    const promptTokens = begun.prompts[0]!.ids.length
    const head = { id: newMessageId(), model: begun.entry.name }
    for (const event of events.start(head, promptTokens)) await send(event)
    let last: AnswerPart | undefined
    for await (const part of begun.parts) {
      usage.add(part)
      last = part
      for (const event of events.add(part)) await send(event)
    }
    for (const event of events.end(stopOf(last!), usage)) await send(event)
  })
}
