import type { UsageCount } from '../generate/answer-parts.js'
import type { RequestRecord } from '../log/request-record.js'

/** `usage` of an answer. */
export const usageOf = ({ promptTokens, completionTokens, cachedTokens, reasoningTokens }: UsageCount) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
  prompt_tokens_details: { cached_tokens: cachedTokens },
  completion_tokens_details: { reasoning_tokens: reasoningTokens },
})

const milliseconds = (from: number | undefined, to: number | undefined): number =>
  from === undefined || to === undefined ? 0 : Math.max(Math.round((to - from) * 10) / 10, 0)

/** What the parts of an answer took, in milliseconds. */
export const timingsOf = ({ rendered, admitted, firstToken, ended }: RequestRecord) => ({
  queue_ms: milliseconds(rendered, admitted),
  prefill_ms: milliseconds(admitted, firstToken),
  decode_ms: milliseconds(firstToken, ended ?? performance.now()),
})

export function serverTiming(record: RequestRecord): string {
  const { queue_ms, prefill_ms, decode_ms } = timingsOf(record)
  return `queue;dur=${queue_ms}, prefill;dur=${prefill_ms}, decode;dur=${decode_ms}`
}
