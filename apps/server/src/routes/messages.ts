import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AnswerEvent } from 'hfquant'
import type { ServerContext } from '../context.js'
import { type AnswerPart, countUsage } from '../generate/answer-parts.js'
import { type BegunGeneration, beginGeneration } from '../generate/begin-generation.js'
import { dataFrame } from '../http/event-stream.js'
import type { Exchange } from '../http/exchange.js'
import { type Answer, handle } from '../http/handle.js'
import {
  messageBlocks,
  messageEvents,
  messagesUsage,
  newMessageId,
  stopOf,
} from '../messages/messages-answer.js'
import { messagesError } from '../messages/messages-error.js'
import { type MessagesRequest, readMessagesRequest } from '../messages/messages-request.js'
import { answerHeaders } from '../openai/answer-headers.js'
import { streamAnswer } from '../openai/stream-answer.js'
import { type Conversation, renderChat } from './chat-completions.js'
import { withTexts } from './tokenize.js'

/** `POST /v1/messages`: Anthropic's API. */
export const messages =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const asked = readMessagesRequest(request.body)
      const begun = await beginGeneration(context, exchange, asked, async (model) => [
        await renderChat(model, conversationOf(asked)),
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
          input_tokens: (await renderChat(model, conversationOf(asked), model.texts.runUnqueued)).ids.length,
        },
      }))
    })

/** A last message of the assistant is the beginning of the answer. */
function conversationOf({ messages: turns, variables, tools }: MessagesRequest): Conversation {
  const continueFinalMessage = turns.at(-1)?.role === 'assistant'
  return {
    ...{ messages: turns, variables, tools, continueFinalMessage },
    addGenerationPrompt: !continueFinalMessage,
  }
}

async function answer(
  context: ServerContext,
  { ignored }: MessagesRequest,
  begun: BegunGeneration,
): Promise<Answer> {
  const usage = countUsage(1)
  const events: AnswerEvent[] = []
  let last: AnswerPart | undefined
  for await (const part of begun.parts) {
    usage.add(part)
    events.push(...part.events)
    last = part
  }
  return {
    headers: answerHeaders(context, begun, ignored),
    body: {
      ...{ id: newMessageId(), type: 'message', role: 'assistant', model: begun.entry.name },
      content: messageBlocks(events),
      ...stopOf(last!),
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
  const { id } = exchange.record
  const headers = answerHeaders(context, begun, ignored)
  const events = messageEvents()
  await streamAnswer(
    context,
    exchange,
    headers,
    async (frames) => {
      const promptTokens = begun.prompts[0]!.ids.length
      const head = { id: newMessageId(), model: begun.entry.name }
      for (const event of events.start(head, promptTokens)) await frames.send(event, event.type)
      let last: AnswerPart | undefined
      for await (const part of begun.parts) {
        usage.add(part)
        last = part
        for (const event of events.add(part)) await frames.send(event, event.type)
      }
      for (const event of events.end(stopOf(last!), usage)) await frames.send(event, event.type)
    },
    {
      keepAliveFrame: dataFrame({ type: 'ping' }, 'ping'),
      errorFrame: (failure) => dataFrame(messagesError(failure, id), 'error'),
    },
  )
}
