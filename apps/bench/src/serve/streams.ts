import { ask, type Reply, usageOf } from './ask.js'

export interface StreamsAsked {
  readonly prompts: readonly (readonly number[] | string)[]
  readonly tokens: number
  /** Further fields of the requests. */
  readonly more?: object
}

/** Streams that were asked for at the same time. */
export interface Streams {
  readonly replies: readonly Reply[]
  /** Of all together, prompts included. */
  readonly tokensPerSecond: number
  /** Milliseconds until the first token of any. */
  readonly firstToken: number
}

/** @throws Error when one of them is refused, or ends before. */
export async function streamTogether(
  url: string,
  { prompts, tokens, more = {} }: StreamsAsked,
): Promise<Streams> {
  const since = performance.now()
  const replies = await Promise.all(
    prompts.map((prompt) =>
      ask({
        ...{ url, path: '/v1/completions' },
        body: {
          ...{ model: 'bench', prompt, max_tokens: tokens, temperature: 0, ignore_eos: true },
          ...{ stream: true, stream_options: { include_usage: true } },
          ...more,
        },
      }),
    ),
  )
  for (const { status, body } of replies) {
    if (status !== 200 || !body.endsWith('data: [DONE]\n\n'))
      throw new Error(`${status}: ${body.slice(-500)}`)
  }
  const ended = Math.max(...replies.map((reply) => reply.ended))
  const made = replies.reduce((sum, reply) => sum + usageOf(reply).completionTokens, 0)
  return {
    replies,
    tokensPerSecond: (made * 1000) / (ended - since),
    firstToken: Math.min(...replies.map((reply) => reply.firstToken)) - since,
  }
}
