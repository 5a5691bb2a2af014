import type { ScoredToken, TokenProbability } from 'hfquant'
import type { TokenLogprob } from '../generate/answer-parts.js'

/** JSON has no infinity. */
const LEAST = -9999

type TokenBytes = (id: number) => Uint8Array

const decoder = new TextDecoder()

/** The text of a token; parts of a character are U+FFFD. */
const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)

const entry = ({ tokenId, logprob }: TokenProbability, tokenBytes: TokenBytes) => {
  const bytes = tokenBytes(tokenId)
  return { token: textOf(bytes), logprob: Math.max(logprob, LEAST), bytes: [...bytes] }
}

/** `logprobs` of a chat. */
export const chatLogprobs = (logprobs: readonly TokenLogprob[], tokenBytes: TokenBytes) => ({
  content: logprobs.map((token) => ({
    ...entry(token, tokenBytes),
    top_logprobs: token.top.map((other) => entry(other, tokenBytes)),
  })),
  refusal: null,
})

/** Tokens of a text; the first of a prompt has no number. */
type CompletionToken = Pick<TokenLogprob, 'tokenId'> & Partial<TokenLogprob>

/** `logprobs` of a completion, or of a part of one. */
export interface CompletionLogprobs {
  readonly tokens: readonly string[]
  readonly token_logprobs: readonly (number | null)[]
  readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[]
  readonly text_offset: readonly number[]
}

/** @param offsets of the tokens, in UTF-16 units of the text. */
function completionLogprobs(
  logprobs: readonly CompletionToken[],
  tokenBytes: TokenBytes,
  offsets: readonly number[],
): CompletionLogprobs {
  return {
    tokens: logprobs.map(({ tokenId }) => textOf(tokenBytes(tokenId))),
    token_logprobs: logprobs.map(({ logprob }) => (logprob === undefined ? null : Math.max(logprob, LEAST))),
    top_logprobs: logprobs.map(({ top }) =>
      top === undefined
        ? null
        : Object.fromEntries(
            top.map(({ tokenId, logprob }) => [textOf(tokenBytes(tokenId)), Math.max(logprob, LEAST)]),
          ),
    ),
    text_offset: offsets,
  }
}

/** @param offset UTF-16 units of the text before the first of the tokens. */
export function answerLogprobs(
  logprobs: readonly TokenLogprob[],
  tokenBytes: TokenBytes,
  offset: number,
): CompletionLogprobs {
  const walk = createTextWalk(offset)
  const offsets = logprobs.map(({ tokenId }) => walk(tokenBytes(tokenId)))
  return completionLogprobs(logprobs, tokenBytes, offsets)
}

/** @param text of the prompt, as it is told again. */
export function promptLogprobs(
  scores: readonly ScoredToken[],
  tokenBytes: TokenBytes,
  text: string,
): CompletionLogprobs {
  const bytes = Buffer.from(text)
  const walk = createTextWalk(0)
  let at = 0
  const offsets = scores.map(({ tokenId }) => {
    const token = tokenBytes(tokenId)
    const begin = placeOf(token, bytes, at)
    walk(bytes.subarray(at, begin.at))
    at = Math.min(begin.at + begin.length, bytes.length)
    return walk(bytes.subarray(begin.at, at))
  })
  const logprobs = scores.map(({ tokenId, logprob, topLogprobs: top }) => ({
    tokenId,
    ...(logprob !== undefined && { logprob }),
    ...(top !== undefined && { top }),
  }))
  return completionLogprobs(logprobs, tokenBytes, offsets)
}

/** Bytes that the text of a token may be away from where it is looked for: special tokens have no bytes of their own. */
const NEAR = 64

/** Where a token of a text begins, and how many bytes of the text are its own. */
function placeOf(token: Uint8Array, text: Buffer, from: number) {
  const isAt = (bytes: Uint8Array) => text.subarray(from, from + bytes.length).equals(bytes)
  if (isAt(token)) return { at: from, length: token.length }
  // The space that tokenizers put before the first word.
  if (token[0] === 0x20 && isAt(token.subarray(1))) return { at: from, length: token.length - 1 }
  const near = text.subarray(from, from + NEAR).indexOf(token)
  return { at: near < 0 ? from : from + near, length: token.length }
}

/** Counts UTF-16 units behind `offset`; gives where each piece begins, or the character that it goes on with. */
function createTextWalk(offset: number) {
  let next = offset
  let character = offset
  return (bytes: Uint8Array): number => {
    const isWithin = bytes.length > 0 && isContinuation(bytes[0]!)
    const begin = isWithin ? character : next
    for (const byte of bytes) {
      if (isContinuation(byte)) continue
      character = next
      next += byte >= 0xf0 ? 2 : 1
    }
    return begin
  }
}

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80

/** Those of a text in its order. */
export const joinLogprobs = (parts: readonly CompletionLogprobs[]): CompletionLogprobs => ({
  tokens: parts.flatMap(({ tokens }) => tokens),
  token_logprobs: parts.flatMap((part) => part.token_logprobs),
  top_logprobs: parts.flatMap((part) => part.top_logprobs),
  text_offset: parts.flatMap((part) => part.text_offset),
})
