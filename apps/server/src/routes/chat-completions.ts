import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.js'
import { countUsage } from '../generate/answer-parts.js'
import { type BegunGeneration, beginGeneration } from '../generate/begin-generation.js'
import { renderChat } from '../generate/render-chat.js'
import type { Exchange } from '../http/exchange.js'
import { type Answer, handle } from '../http/handle.js'
import { streamAnswer } from '../http/stream-answer.js'
import { answerHeaders } from '../openai/answer-headers.js'
import { type AnswerHead, chatChoices, chatStyle, collectChat, openingChoice } from '../openai/chat-answer.js'
import { type ChatRequest, readChatRequest } from '../openai/chat-request.js'
import { newId } from '../openai/ids.js'
import { OPENAI_STREAM } from '../openai/openai-stream.js'
import { serverTiming, timingsOf, usageOf } from '../openai/usage.js'

/** `POST /v1/chat/completions` */
export const chatCompletions =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const asked = readChatRequest(request.body)
      const begun = await beginGeneration(context, exchange, asked, async (model) => [
        await renderChat(model, asked),
      ])
      const head: AnswerHead = {
        id: newId('chatcmpl'),
        created: Math.floor(Date.now() / 1000),
        model: begun.entry.name,
        system_fingerprint: begun.model.fingerprint,
      }
      if (!asked.stream) return answer(context, exchange, asked, begun, head)
      reply.hijack()
      await stream(context, exchange, asked, begun, head)
      return undefined
    })

async function answer(
  context: ServerContext,
  exchange: Exchange,
  asked: ChatRequest,
  begun: BegunGeneration,
  head: AnswerHead,
): Promise<Answer> {
  const collected = collectChat(asked.n, chatStyle(asked.logprobs, begun.model.tokenBytes, context.settings))
  const usage = countUsage(asked.n)
  for await (const part of begun.parts) {
    collected.add(part)
    usage.add(part)
  }
  return {
    headers: {
      ...answerHeaders(context, begun, asked.ignored),
      'server-timing': serverTiming(exchange.record),
    },
    body: { ...head, object: 'chat.completion', choices: collected.choices(), usage: usageOf(usage) },
  }
}

async function stream(
  context: ServerContext,
  exchange: Exchange,
  { n, includeUsage, ignored, logprobs }: ChatRequest,
  begun: BegunGeneration,
  head: AnswerHead,
): Promise<void> {
  const usage = countUsage(n)
  const style = chatStyle(logprobs, begun.model.tokenBytes, context.settings)
  const headers = answerHeaders(context, begun, ignored)
  await streamAnswer(context, exchange, OPENAI_STREAM, headers, async (send) => {
    const sendChoice = (choice: object) =>
      send({
        ...{ ...head, object: 'chat.completion.chunk', choices: [choice] },
        ...(includeUsage && { usage: null }),
      })
    for (let index = 0; index < n; index++) await sendChoice(openingChoice(index))
    for await (const part of begun.parts) {
      usage.add(part)
      for (const choice of chatChoices(part, style)) await sendChoice(choice)
    }
    if (!includeUsage) return
    await send({
      ...{ ...head, object: 'chat.completion.chunk', choices: [], usage: usageOf(usage) },
      x_hfquant: timingsOf(exchange.record),
    })
  })
}
