import type { TokenProbability } from 'hfquant'
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

/** @param offset UTF-16 units of the text before the first of the tokens. */
export function completionLogprobs(
  logprobs: readonly TokenLogprob[],
  tokenBytes: TokenBytes,
  offset: number,
) {
  const tokens = logprobs.map(({ tokenId }) => textOf(tokenBytes(tokenId)))
  let next = offset
  return {
    tokens,
    token_logprobs: logprobs.map(({ logprob }) => Math.max(logprob, LEAST)),
    top_logprobs: logprobs.map(({ top }) =>
      Object.fromEntries(
        top.map(({ tokenId, logprob }) => [textOf(tokenBytes(tokenId)), Math.max(logprob, LEAST)]),
      ),
    ),
    text_offset: tokens.map((token) => {
      const at = next
      next += token.length
      return at
    }),
  }
}
