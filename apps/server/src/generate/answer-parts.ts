import type { GenerationUsage, TokenProbability } from 'hfquant'
import type { ChoicePiece } from './run-choices.js'

export type FinishReason = 'stop' | 'length' | 'tool_calls'

/** How likely one token of an answer was. */
export interface TokenLogprob extends TokenProbability {
  /** The likeliest tokens in its place. */
  readonly top: readonly TokenProbability[]
}

/** What one token, or several, add to one of the choices of an answer. */
export interface AnswerPart {
  readonly choice: number
  /** May be empty. */
  readonly content: string
  /** Of the tokens of `content`; empty unless they were asked for. */
  readonly logprobs: readonly TokenLogprob[]
  /** Of the last part of a choice, and of no other. */
  readonly finish?: FinishReason
  readonly stopString?: string
  readonly usage?: GenerationUsage
}

/** Parts of texts that are nothing but content. */
export async function* contentParts(
  pieces: AsyncIterable<ChoicePiece>,
  tokenBytes: (id: number) => Uint8Array,
): AsyncGenerator<AnswerPart> {
  /** Tokens of each choice whose text is held back. */
  const held = new Map<number, TokenLogprob[]>()
  for await (const piece of pieces) {
    const { choice, text, finish, stopString, usage } = piece
    const logprobs = releaseLogprobs(piece, held, tokenBytes)
    if (text === '' && finish === undefined) continue
    yield {
      ...{ choice, content: text, logprobs },
      ...(finish && { finish }),
      ...(stopString !== undefined && { stopString }),
      ...(usage && { usage }),
    }
  }
}

/** Log-probabilities go with the text of their tokens; what a stop string cuts off, and end tokens, have none. */
function releaseLogprobs(
  { choice, text, tokenId, logprob, topLogprobs, finish, stopString }: ChoicePiece,
  held: Map<number, TokenLogprob[]>,
  tokenBytes: (id: number) => Uint8Array,
): readonly TokenLogprob[] {
  if (logprob === undefined) return []
  const waiting = held.get(choice) ?? []
  const isEnd = finish === 'stop' && stopString === undefined
  if (!isEnd) waiting.push({ tokenId, logprob, top: topLogprobs ?? [] })
  if (text === '' && finish === undefined) {
    held.set(choice, waiting)
    return []
  }
  held.delete(choice)
  if (stopString === undefined) return waiting
  let room = Buffer.byteLength(text)
  const cut = waiting.findIndex(({ tokenId: id }) => {
    room -= tokenBytes(id).length
    return room < 0
  })
  return cut < 0 ? waiting : waiting.slice(0, cut)
}

/** Tokens of an answer, as OpenAI's API counts them: each prompt once, all its answers. */
export interface UsageCount {
  add(part: AnswerPart): void
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
}

/** @param n answers to each prompt. */
export function countUsage(n: number): UsageCount {
  const count = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 }
  return Object.assign(count, {
    add({ choice, usage }: AnswerPart) {
      if (usage === undefined) return
      count.completionTokens += usage.completionTokens
      if (choice % n === 0) count.promptTokens += usage.promptTokens
      if (choice === 0) count.cachedTokens = usage.cachedTokens
    },
  })
}
