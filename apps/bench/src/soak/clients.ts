import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from '../measure/random.js'
import { ask, type Reply, usageOf } from '../serve/ask.js'
import { pickLie, tellLie } from './lies.js'

/**
 * What became of a client: `answered` and `refused` as the API promises; `left` by its own will; `caught` lying or
 * silent; `lost` although it had been accepted; `wrong` is what must not be answered.
 */
export type Outcome = 'answered' | 'refused' | 'left' | 'caught' | 'lost' | 'wrong'

export interface ClientReport {
  readonly outcome: Outcome
  /** What was lost or wrong. */
  readonly note?: string | undefined
  /** Milliseconds until a full queue was told. */
  readonly refusedAfter?: number | undefined
}

export type Client = (url: string, chance: Chance) => Promise<ClientReport>

const BEGINNINGS = ['Once upon a time', 'One day', 'Lily had a', 'There was a little dog named', 'The cat']

/** A request for exactly `tokens` tokens. */
function question(chance: Chance, tokens: number, more: object = {}) {
  const text = `${chance.pick(BEGINNINGS)} ${chance.pick(BEGINNINGS)}`
  const isChat = chance.whole(4) === 0
  const body = {
    ...{ model: 'soak', max_tokens: tokens, seed: chance.whole(1e6), ignore_eos: true },
    ...(isChat ? { messages: [{ role: 'user', content: text }] } : { prompt: text }),
    ...more,
  }
  return { path: isChat ? '/v1/chat/completions' : '/v1/completions', body }
}

const [LEAST_TOKENS, MOST_TOKENS] = [8, 48]
const tokensOf = (chance: Chance) => LEAST_TOKENS + chance.whole(MOST_TOKENS - LEAST_TOKENS)

/** Of a patient client's answer, in the mean. */
export const MEAN_TOKENS = (LEAST_TOKENS + MOST_TOKENS) / 2
const STREAM = { stream: true, stream_options: { include_usage: true } }

/** Waits for its whole answer. */
export const patient: Client = async (url, chance) => {
  const tokens = tokensOf(chance)
  const asked = question(chance, tokens, chance.whole(4) === 0 ? {} : STREAM)
  return reportOf(await attempt(() => ask({ url, ...asked })), tokens)
}

/** Closes the connection: while it waits, while its prompt is read, or in the middle of its answer. */
const leaver: Client = async (url, chance) => {
  const leave = new AbortController()
  const asked = question(chance, 100, chance.whole(3) === 0 ? {} : STREAM)
  const timer = setTimeout(() => leave.abort(), chance.whole(400))
  const reply = await attempt(() => ask({ url, ...asked, signal: leave.signal }))
  clearTimeout(timer)
  return leave.signal.aborted ? { outcome: 'left' } : reportOf(reply, 100)
}

/** Stops reading a long answer for a while, and wants all of it then. */
const sleeper: Client = async (url, chance) => {
  const asked = question(chance, 150, { ...STREAM, ...(chance.whole(2) === 0 && { n: 2 }) })
  let slept = false
  const onData = () => {
    if (slept) return undefined
    slept = true
    return sleep(1000 + chance.whole(4000))
  }
  const tokens = 'n' in asked.body ? 300 : 150
  return reportOf(await attempt(() => ask({ url, ...asked, onData })), tokens)
}

/** Sends half of a request. */
const staller: Client = async (url) => caught(await tellLie(url))

const liar: Client = async (url, { pick }) => caught(await tellLie(url, pickLie(pick)))

const caught = (note: string | undefined): ClientReport => ({
  outcome: note === undefined ? 'caught' : 'wrong',
  note,
})

/** Of a hundred. */
const CROWD: readonly (readonly [Client, number])[] = [
  [patient, 68],
  [leaver, 17],
  [sleeper, 3],
  [staller, 1],
  [liar, 11],
]
const HUNDRED = CROWD.flatMap(([client, count]) => Array<Client>(count).fill(client))

export const pickClient = ({ pick }: Chance): Client => pick(HUNDRED)

const attempt = (work: () => Promise<Reply>): Promise<Reply | Error> =>
  work().catch((error: unknown) => error as Error)

function reportOf(reply: Reply | Error, tokens: number): ClientReport {
  if (reply instanceof Error) return { outcome: 'lost', note: `${reply.name}: ${reply.message}` }
  const { status, headers, body, sent, head } = reply
  if (status === 200) {
    const isWhole = body.startsWith('{') || body.endsWith('data: [DONE]\n\n')
    const { completionTokens } = usageOf(reply)
    return isWhole && completionTokens === tokens
      ? { outcome: 'answered' }
      : { outcome: 'lost', note: `ends after ${completionTokens} of ${tokens} tokens: ${body.slice(-200)}` }
  }
  const code = /"code":"(\w+)"/.exec(body)?.[1]
  const isTold = Number(headers['retry-after']) >= 1
  if (isTold && status === 429 && code === 'queue_full')
    return { outcome: 'refused', refusedAfter: head - sent }
  if (isTold && status === 503 && code === 'queue_timeout') return { outcome: 'refused' }
  return { outcome: 'wrong', note: `${status} ${code}` }
}
