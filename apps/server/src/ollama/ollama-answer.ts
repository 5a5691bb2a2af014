import { type AnswerEvent, collectAnswer } from 'hfquant'
import type { AnswerPart, TokenLogprob, UsageCount } from '../generate/answer-parts.js'
import type { StreamForm } from '../http/stream-answer.js'
import type { RequestRecord } from '../log/request-record.js'
import { chatLogprobs } from '../openai/logprobs.js'

/** A line for each part of an answer. */
export const OLLAMA_STREAM: StreamForm = {
  contentType: 'application/x-ndjson',
  // White space before the next line, which is as good JSON with it.
  keepAliveFrame: ' ',
  frame: (data) => `${JSON.stringify(data)}\n`,
  errorFrame: ({ message }) => `${JSON.stringify({ error: message })}\n`,
}

/** What a model says, or a part of it. */
interface Said {
  readonly content?: string
  readonly thinking?: string
  readonly tool_calls?: readonly object[]
}

/** How a route writes it. */
export type WriteSaid = (said: Said) => object

export const chatMessage: WriteSaid = ({ content = '', ...others }) => ({
  message: { role: 'assistant', content, ...others },
})
export const generatedText: WriteSaid = ({ content = '', ...others }) => ({ response: content, ...others })

export function saidIn(events: readonly AnswerEvent[]): Said {
  const { content, reasoning, toolCalls } = collectAnswer(events)
  return {
    content,
    ...(reasoning !== '' && { thinking: reasoning }),
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map(({ id, name, arguments: written }) => ({
        ...{ id, function: { name, arguments: JSON.parse(written) } },
      })),
    }),
  }
}

/** Tells events as they come; a call is told when it is complete, because its arguments are no text. */
export function saidInTurn(): (events: readonly AnswerEvent[]) => readonly Said[] {
  let held: AnswerEvent[] = []
  return (events) =>
    events.flatMap((event) => {
      held.push(event)
      if (event.type === 'tool-call' || event.type === 'tool-arguments') return []
      const said = saidIn(held)
      held = []
      return [said]
    })
}

/** @param asked likeliest tokens that are told; undefined: no log-probabilities. */
export const toldLogprobs = (
  asked: number | undefined,
  logprobs: readonly TokenLogprob[],
  tokenBytes: (id: number) => Uint8Array,
) =>
  asked === undefined || logprobs.length === 0
    ? undefined
    : { logprobs: chatLogprobs(logprobs, tokenBytes).content }

const nanoseconds = (from: number, to: number): number => Math.max(Math.round((to - from) * 1e6), 0)

/** Since the request was received. Until it has its place counts as loading, which is most of it where the model is loaded. */
export function durations({ received, admitted = received, firstToken = admitted, ended }: RequestRecord) {
  const end = ended ?? performance.now()
  return {
    total_duration: nanoseconds(received, end),
    load_duration: nanoseconds(received, admitted),
    prompt_eval_duration: nanoseconds(admitted, firstToken),
    eval_duration: nanoseconds(firstToken, end),
  }
}

/** What the end of an answer says. */
export const answerEnd = ({ finish }: AnswerPart, usage: UsageCount, record: RequestRecord) => {
  const { total_duration, load_duration, prompt_eval_duration, eval_duration } = durations(record)
  return {
    done: true,
    done_reason: finish === 'length' ? 'length' : 'stop',
    ...{ total_duration, load_duration },
    ...{ prompt_eval_count: usage.promptTokens, prompt_eval_duration },
    ...{ eval_count: usage.completionTokens, eval_duration },
  }
}
