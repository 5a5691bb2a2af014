import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AnswerFinish } from 'hfquant'
import type { ServerContext } from '../context.js'
import { type ChoicePart, contentOf, countUsage, type TokenLogprob } from '../generate/answer-parts.js'
import { type BegunGeneration, beginGeneration } from '../generate/begin-generation.js'
import type { Exchange } from '../http/exchange.js'
import { type Answer, handle } from '../http/handle.js'
import { wrongValue } from '../http/read-body.js'
import { streamAnswer } from '../http/stream-answer.js'
import type { LoadedDecoder } from '../models/loaded-model.js'
import { answerHeaders } from '../openai/answer-headers.js'
import type { AnswerHead } from '../openai/chat-answer.js'
import { type CompletionRequest, readCompletionRequest } from '../openai/completion-request.js'
import { newId } from '../openai/ids.js'
import { answerLogprobs, type CompletionLogprobs, joinLogprobs, promptLogprobs } from '../openai/logprobs.js'
import { OPENAI_STREAM } from '../openai/openai-stream.js'
import { serverTiming, timingsOf, usageOf } from '../openai/usage.js'
import type { EncodedPrompt } from '../text/protocol.js'

/** `POST /v1/completions` */
export const completions =
  (context: ServerContext) =>
  (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    handle(context, request, reply, async (exchange) => {
      const asked = readCompletionRequest(request.body)
      let echoes: readonly string[] = []
      const begun = await beginGeneration(context, exchange, asked, async (model) => {
        if (asked.echo) echoes = await echoed(model, asked)
        return checkScored(await encodePrompts(model, asked), asked)
      })
      const head: AnswerHead = {
        id: newId('cmpl'),
        created: Math.floor(Date.now() / 1000),
        model: begun.entry.name,
        system_fingerprint: begun.model.fingerprint,
      }
      if (!asked.stream) return answer(context, exchange, asked, begun, head, echoes)
      reply.hijack()
      await stream(context, exchange, asked, begun, head, echoes)
      return undefined
    })

const encodePrompts = (
  { texts }: LoadedDecoder,
  { prompts, addSpecialTokens }: CompletionRequest,
): Promise<readonly EncodedPrompt[]> =>
  Promise.all(
    prompts.map((prompt) =>
      typeof prompt === 'string'
        ? texts.run({ kind: 'text', text: prompt, addSpecialTokens })
        : { ids: prompt, ending: '', prefix: undefined },
    ),
  )

/** Tokens of a prompt that is scored. */
const MOST_SCORED = 2048

/** @throws ApiError invalid_value for a prompt that is too long to be scored. */
function checkScored(
  prompts: readonly EncodedPrompt[],
  { scoresPrompt = false }: Pick<CompletionRequest, 'scoresPrompt'>,
): readonly EncodedPrompt[] {
  const longest = Math.max(...prompts.map(({ ids }) => ids.length))
  if (!scoresPrompt || longest <= MOST_SCORED) return prompts
  throw wrongValue(`${longest} tokens long`, 'prompt', `${MOST_SCORED} at most with echo and logprobs`)
}

/** The texts of the prompts; of tokens, what they say. */
const echoed = ({ texts }: LoadedDecoder, { prompts }: CompletionRequest): Promise<readonly string[]> =>
  Promise.all(
    prompts.map((prompt) =>
      typeof prompt === 'string' ? prompt : texts.run({ kind: 'decode', ids: prompt }),
    ),
  )

async function answer(
  context: ServerContext,
  exchange: Exchange,
  { prompts, n, ignored, logprobs: asked }: CompletionRequest,
  begun: BegunGeneration,
  head: AnswerHead,
  echoes: readonly string[],
): Promise<Answer> {
  const usage = countUsage(n)
  const { tokenBytes } = begun.model
  const collected = Array.from({ length: prompts.length * n }, (_, index) => ({
    logprobs: [] as TokenLogprob[],
    echo: echoes[Math.floor(index / n)] ?? '',
    text: '',
    finish: 'length' as AnswerFinish,
  }))
  const scores: CompletionLogprobs[] = []
  for await (const part of begun.parts) {
    usage.add(part)
    const one = collected[part.choice]!
    if (part.promptScores !== undefined) {
      scores[Math.floor(part.choice / n)] = promptLogprobs(part.promptScores, tokenBytes, one.echo)
    }
    one.text += contentOf(part.events)
    one.logprobs.push(...part.logprobs)
    one.finish = part.finish ?? one.finish
  }
  return {
    headers: { ...answerHeaders(context, begun, ignored), 'server-timing': serverTiming(exchange.record) },
    body: {
      ...{ ...head, object: 'text_completion' },
      choices: collected.map(({ echo, text, finish, logprobs }, index) => {
        const ofPrompt = scores[Math.floor(index / n)]
        const told = [...(ofPrompt ? [ofPrompt] : []), answerLogprobs(logprobs, tokenBytes, echo.length)]
        return choiceOf(index, echo + text, finish, asked === undefined ? null : joinLogprobs(told))
      }),
      usage: usageOf(usage),
    },
  }
}

const choiceOf = (
  index: number,
  text: string,
  finish_reason: AnswerFinish | null,
  logprobs: object | null = null,
) => ({ index, text, logprobs, finish_reason })

async function stream(
  context: ServerContext,
  exchange: Exchange,
  { n, includeUsage, ignored, scoresPrompt = false }: CompletionRequest,
  begun: BegunGeneration,
  head: AnswerHead,
  echoes: readonly string[],
): Promise<void> {
  const usage = countUsage(n)
  const { tokenBytes } = begun.model
  /** Of the text of each choice, what was sent. */
  const lengths = new Map<number, number>()
  const headers = answerHeaders(context, begun, ignored)
  await streamAnswer(context, exchange, OPENAI_STREAM, headers, async (send) => {
    const sendChoice = (choice: object) =>
      send({
        ...{ ...head, object: 'text_completion', choices: [choice] },
        ...(includeUsage && { usage: null }),
      })
    const echo = async (prompt: number, logprobs: object | null) => {
      const text = echoes[prompt]!
      for (let choice = prompt * n; choice < (prompt + 1) * n; choice++) {
        lengths.set(choice, text.length)
        await sendChoice(choiceOf(choice, text, null, logprobs))
      }
    }
    if (!scoresPrompt) for (const prompt of echoes.keys()) await echo(prompt, null)
    for await (const part of begun.parts) {
      usage.add(part)
      if (part.promptScores !== undefined) {
        const prompt = Math.floor(part.choice / n)
        await echo(prompt, promptLogprobs(part.promptScores, tokenBytes, echoes[prompt]!))
      }
      const sent = lengths.get(part.choice) ?? 0
      lengths.set(part.choice, sent + contentOf(part.events).length)
      const logprobs = part.logprobs.length === 0 ? null : answerLogprobs(part.logprobs, tokenBytes, sent)
      for (const choice of completionChoices(part, logprobs)) await sendChoice(choice)
    }
    if (!includeUsage) return
    await send({
      ...{ ...head, object: 'text_completion', choices: [], usage: usageOf(usage) },
      x_hfquant: timingsOf(exchange.record),
    })
  })
}

const completionChoices = (
  { choice, events, finish }: ChoicePart,
  logprobs: object | null,
): readonly object[] => [
  ...(events.length === 0 && logprobs === null ? [] : [choiceOf(choice, contentOf(events), null, logprobs)]),
  ...(finish === undefined ? [] : [choiceOf(choice, '', finish)]),
]
