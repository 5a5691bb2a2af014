import type { ApiKey } from '../auth/api-keys.js'
import { ApiError } from '../http/api-error.js'

const WINDOW = 60_000

interface Booking {
  readonly time: number
  tokens: number
}

/** What a request has taken from the limits of its key. */
export interface Booked {
  /** @param tokens that were used in the end. */
  settle(tokens: number): void
}

/** Limits of keys, over the last minute. */
export interface KeyLimits {
  /**
   * @param tokens prompt and the most that may follow it.
   * @throws ApiError rate_limit_exceeded
   */
  book(key: ApiKey | undefined, choices: number, tokens: number): Booked
}

export function createKeyLimits(now: () => number = () => performance.now()): KeyLimits {
  const running = new Map<string, number>()
  const bookings = new Map<string, Booking[]>()

  return {
    book(key, choices, tokens) {
      if (key === undefined) return { settle() {} }
      const { name, maxConcurrent, tokensPerMinute } = key
      const atOnce = running.get(name) ?? 0
      if (maxConcurrent !== undefined && atOnce + choices > maxConcurrent) {
        throw exceeded(`the key has ${atOnce} choices under way, of at most ${maxConcurrent}`, 1)
      }
      const time = now()
      const recent = (bookings.get(name) ?? []).filter((one) => time - one.time < WINDOW)
      const used = recent.reduce((sum, one) => sum + one.tokens, 0)
      if (tokensPerMinute !== undefined && used + tokens > tokensPerMinute) {
        const oldest = recent[0]?.time ?? time - WINDOW
        const wait = Math.min(Math.max(Math.ceil((oldest + WINDOW - time) / 1000), 1), 60)
        throw exceeded(
          `the request may take ${tokens} tokens, and the key has used ${used} of ${tokensPerMinute} in the last minute`,
          wait,
        )
      }
      const booking = { time, tokens }
      if (tokensPerMinute !== undefined) bookings.set(name, [...recent, booking])
      running.set(name, atOnce + choices)
      let settled = false
      return {
        settle(actual) {
          if (settled) return
          settled = true
          booking.tokens = actual
          running.set(name, running.get(name)! - choices)
        },
      }
    },
  }
}

const exceeded = (message: string, retryAfter: number): ApiError =>
  new ApiError('rate_limit_exceeded', message, { retryAfter })
