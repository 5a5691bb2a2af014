import type { AnswerEvent, AnswerToken, ScoredToken, TokenProbability } from 'hfquant'

/** How likely one token of an answer was. */
export interface TokenLogprob extends TokenProbability {
  /** The likeliest tokens in its place. */
  readonly top: readonly TokenProbability[]
}

/** What one token adds to an answer, or what is told of the prompt before it. */
export interface AnswerPart extends Omit<AnswerToken, 'piece' | 'place'> {
  /** Of the tokens of the content; empty unless they were asked for. */
  readonly logprobs: readonly TokenLogprob[]
  /** Of the part that comes before all choices of a prompt, where they were asked for; it has no token. */
  readonly promptScores?: readonly ScoredToken[]
}

/** A part of one of the choices of a request. */
export interface ChoicePart extends AnswerPart {
  readonly choice: number
}

/** The content of events; what looked like a call and was none is content as written. */
export const contentOf = (events: readonly AnswerEvent[]): string =>
  events
    .map((event) => (event.type === 'content' || event.type === 'tool-failure' ? event.text : ''))
    .join('')

/** Tokens of an answer, as OpenAI's API counts them: each prompt once, all its answers. */
export interface UsageCount {
  add(part: ChoicePart): void
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
  readonly reasoningTokens: number
}

/** @param n answers to each prompt. */
export function countUsage(n: number): UsageCount {
  const count = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 }
  return Object.assign(count, {
    add({ choice, usage }: ChoicePart) {
      if (usage === undefined) return
      count.completionTokens += usage.completionTokens
      count.reasoningTokens += usage.reasoningTokens
      if (choice % n === 0) count.promptTokens += usage.promptTokens
      if (choice === 0) count.cachedTokens = usage.cachedTokens
    },
  })
}

/** The only answer to a request. */
interface WholeAnswer {
  readonly events: readonly AnswerEvent[]
  readonly logprobs: readonly TokenLogprob[]
  readonly usage: UsageCount
  /** Says why the answer ends. */
  readonly last: AnswerPart
}

export async function wholeAnswer(parts: AsyncIterable<ChoicePart>): Promise<WholeAnswer> {
  const usage = countUsage(1)
  const events: AnswerEvent[] = []
  const logprobs: TokenLogprob[] = []
  let last: AnswerPart | undefined
  for await (const part of parts) {
    usage.add(part)
    events.push(...part.events)
    logprobs.push(...part.logprobs)
    last = part
  }
  return { events, logprobs, usage, last: last! }
}
