import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.js'
import { type AnswerPart, countUsage, wholeAnswer } from '../generate/answer-parts.js'
import { type BegunGeneration, beginGeneration } from '../generate/begin-generation.js'
import { continued, renderChat } from '../generate/render-chat.js'
import type { Exchange } from '../http/exchange.js'
import { type Answer, handle } from '../http/handle.js'
import { streamAnswer } from '../http/stream-answer.js'
import type { LoadedDecoder } from '../models/loaded-model.js'
import { loadOrUnload } from '../ollama/load-or-unload.js'
import {
  answerEnd,
  chatMessage,
  generatedText,
  OLLAMA_STREAM,
  saidIn,
  saidInTurn,
  toldLogprobs,
  type WriteSaid,
} from '../ollama/ollama-answer.js'
import {
  type OllamaGenerateRequest,
  type OllamaRequest,
  readOllamaChat,
  readOllamaGenerate,
} from '../ollama/ollama-request.js'
import { answerHeaders } from '../openai/answer-headers.js'
import type { EncodedPrompt } from '../text/protocol.js'

/** What the two routes that generate differ in. */
interface Dialect<Asked extends OllamaRequest> {
  /** @throws ApiError or ToolsError, naming the field. */
  read(body: unknown): Asked
  encode(model: LoadedDecoder, asked: Asked): Promise<EncodedPrompt>
  readonly write: WriteSaid
}

const generating =
  <Asked extends OllamaRequest>({ read, encode, write }: Dialect<Asked>) =>
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const asked = read(request.body)
      if (asked.asksNothing) return loadOnly(context, exchange, asked, write)
      const begun = await beginGeneration(context, exchange, asked, async (model) => [
        await encode(model, asked),
      ])
      if (!asked.stream) return answer(context, exchange, asked, begun, write)
      reply.hijack()
      await stream(context, exchange, asked, begun, write)
      return undefined
    })

/** `POST /api/chat` */
export const ollamaChat = generating({
  read: readOllamaChat,
  encode: (model, asked) => renderChat(model, asked),
  write: chatMessage,
})

/** `POST /api/generate` */
export const ollamaGenerate = generating({
  read: readOllamaGenerate,
  encode: encodePrompt,
  write: generatedText,
})

/** A prompt is a message, unless it is raw, or the model has no template to write messages with. */
function encodePrompt(
  model: LoadedDecoder,
  { prompt, system, raw, variables }: OllamaGenerateRequest,
): Promise<EncodedPrompt> {
  if (raw || (model.chatTemplate === undefined && system === undefined))
    return model.texts.run({ kind: 'text', text: prompt, addSpecialTokens: true })
  const before = system === undefined ? [] : [{ role: 'system', content: system }]
  const messages = [...before, { role: 'user', content: prompt }]
  return renderChat(model, continued({ messages, variables, tools: undefined }))
}

/** What every line says. */
const headOf = (model: string) => ({ model, created_at: new Date().toISOString() })

async function loadOnly(
  context: ServerContext,
  exchange: Exchange,
  { model, keepAlive }: OllamaRequest,
  write: WriteSaid,
): Promise<Answer> {
  const { entry, done_reason } = await loadOrUnload(context, exchange, model, keepAlive)
  return { body: { ...headOf(entry.name), ...write({}), done: true, done_reason } }
}

async function answer(
  context: ServerContext,
  { record }: Exchange,
  { ignored, logprobs: asked }: OllamaRequest,
  begun: BegunGeneration,
  write: WriteSaid,
): Promise<Answer> {
  const { events, logprobs, usage, last } = await wholeAnswer(begun.parts)
  return {
    headers: answerHeaders(context, begun, ignored),
    body: {
      ...{ ...headOf(begun.entry.name), ...write(saidIn(events)), ...answerEnd(last, usage, record) },
      ...toldLogprobs(asked, logprobs, begun.model.tokenBytes),
    },
  }
}

async function stream(
  context: ServerContext,
  exchange: Exchange,
  { ignored, logprobs: asked }: OllamaRequest,
  begun: BegunGeneration,
  write: WriteSaid,
): Promise<void> {
  const { entry, model, parts } = begun
  const usage = countUsage(1)
  const turn = saidInTurn()
  const headers = answerHeaders(context, begun, ignored)
  await streamAnswer(context, exchange, OLLAMA_STREAM, headers, async (send) => {
    let last: AnswerPart | undefined
    for await (const part of parts) {
      usage.add(part)
      last = part
      const told = toldLogprobs(asked, part.logprobs, model.tokenBytes)
      const said = turn(part.events)
      for (const [index, one] of (said.length === 0 && told ? [{}] : said).entries())
        await send({ ...headOf(entry.name), ...write(one), done: false, ...(index === 0 && told) })
    }
    await send({ ...headOf(entry.name), ...write({}), ...answerEnd(last!, usage, exchange.record) })
  })
}
