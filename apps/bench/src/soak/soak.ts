import { setTimeout as sleep } from 'node:timers/promises'
import { createChance } from '../measure/random.js'
import { percentile } from '../measure/samples.js'
import { hangUp } from '../serve/ask.js'
import { readMetrics, type Second, watchProcess } from '../serve/watch-process.js'
import { type ClientReport, MEAN_TOKENS, type Outcome, patient, pickClient } from './clients.js'

export interface SoakOptions {
  readonly minutes: number
  /** Times what the server can do. */
  readonly times: number
  readonly maxSequences: number
  /** Called about once a minute. */
  report(line: string): void
}

/** Everything that was seen. */
export interface SoakFigures {
  /** Requests a second, and tokens a second, of as many patient clients as run and wait. */
  readonly capacity: { readonly requests: number; readonly tokens: number }
  /** Clients a second, in the mean. */
  readonly rate: number
  readonly outcomes: Readonly<Record<Outcome, number>>
  /** What was lost or wrong, and how often. */
  readonly notes: Readonly<Record<string, number>>
  /** Milliseconds. */
  readonly refusedAfter: readonly number[]
  readonly seconds: readonly Second[]
  /** Clients that were left out because too many were open: the generator's bound. */
  readonly skipped: number
  /** Tokens a second while the crowd was there. */
  readonly tokens: number
  /** Seconds behind the last client until nothing ran or waited. */
  readonly idleAfter: number
  /** Descriptors and memory of the server before the crowd, and when it had gone. */
  readonly before: Second
  readonly after: Second
}

/** Tokens a second from the first of some seconds to the last. */
function tokenRate(some: readonly Second[]): number {
  const [first, last] = [some[0]!, some.at(-1)!]
  return (last.tokens - first.tokens) / Math.max(last.at - first.at, 1)
}

const CALIBRATION = 20_000
/** Seconds that say what the server can do now: another program of the machine may have ended meanwhile. */
const RECENT = 10
const MOST_OPEN = 800
const MOST_RATE = 500

/** Puts a server under more load than it can take, from clients of every kind. */
export async function soak(
  server: { readonly url: string; readonly pid: number },
  { minutes, times, maxSequences, report }: SoakOptions,
): Promise<SoakFigures> {
  const chance = createChance()
  const capacity = await measureCapacity(server.url, 2 * maxSequences)
  report(`capacity ${capacity.requests.toFixed(1)} requests/s, ${capacity.tokens.toFixed(0)} tokens/s`)

  const outcomes: Record<Outcome, number> = { answered: 0, refused: 0, left: 0, caught: 0, lost: 0, wrong: 0 }
  const notes: Record<string, number> = {}
  const refusedAfter: number[] = []
  const count = ({ outcome, note, refusedAfter: after }: ClientReport) => {
    outcomes[outcome]++
    if (after !== undefined) refusedAfter.push(after)
    if (note !== undefined) notes[note] = (notes[note] ?? 0) + 1
  }

  const seconds: Second[] = []
  let rate = times * capacity.requests
  const watched = new AbortController()
  const watching = watchProcess(server, watched.signal, (second) => {
    seconds.push(second)
    rate = Math.min(
      times * Math.max(capacity.requests, tokenRate(seconds.slice(-RECENT)) / MEAN_TOKENS),
      MOST_RATE,
    )
    if (seconds.length % 60 === 0) report(lineOf(seconds.slice(-60), outcomes))
  })
  hangUp()
  await sleep(5000)
  const before = seconds.at(-1)!
  const since = performance.now()
  const open = new Set<Promise<void>>()
  let skipped = 0
  let clients = 0
  let next = since
  while (next - since < minutes * 60_000) {
    next += chance.gap(rate) * 1000
    if (next > performance.now()) await sleep(next - performance.now())
    clients++
    if (open.size >= MOST_OPEN) {
      skipped++
      continue
    }
    const one = pickClient(chance)(server.url, chance)
      .then(count)
      .finally(() => open.delete(one))
    open.add(one)
  }
  const last = seconds.at(-1)!
  const ended = performance.now()
  const tokens = tokenRate([before, last])
  // The metrics are read while clients that stall are still waiting to be caught.
  let idleAfter = Number.NaN
  while (Number.isNaN(idleAfter)) {
    const metrics = await readMetrics(server.url)
    const busy = metrics.get('hfquant_num_requests_running')! + metrics.get('hfquant_num_requests_waiting')!
    if (busy === 0) idleAfter = (performance.now() - ended) / 1000
    else await sleep(50)
  }
  await Promise.all(open)
  hangUp()
  await sleep(5000)
  watched.abort()
  await watching
  const after = seconds.at(-1)!
  return {
    ...{
      rate: clients / (last.at - before.at),
      capacity,
      outcomes,
      notes,
      refusedAfter,
      seconds,
      skipped,
      tokens,
      idleAfter,
    },
    ...{ before, after },
  }
}

/** As many patient clients as may run and wait, each asking again when it has its answer. */
async function measureCapacity(url: string, clients: number): Promise<SoakFigures['capacity']> {
  const tokensMade = async () => (await readMetrics(url)).get('hfquant_generation_tokens_total') ?? 0
  const chance = createChance(7)
  let answered = 0
  let isOver = false
  const client = async () => {
    while (!isOver) if ((await patient(url, chance)).outcome === 'answered') answered++
  }
  const all = Array.from({ length: clients }, client)
  await sleep(CALIBRATION / 4)
  const [requests, tokens, since] = [answered, await tokensMade(), performance.now()]
  await sleep(CALIBRATION)
  const seconds = (performance.now() - since) / 1000
  const found = {
    requests: (answered - requests) / seconds,
    tokens: ((await tokensMade()) - tokens) / seconds,
  }
  isOver = true
  await Promise.all(all)
  return found
}

function lineOf(minute: readonly Second[], outcomes: Readonly<Record<Outcome, number>>): string {
  const last = minute.at(-1)!
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
  const late = Math.max(...minute.map(({ timerLate }) => timerLate))
  const others = minute.reduce((sum, { othersCores }) => sum + othersCores, 0) / minute.length
  return [
    `minute ${Math.round(last.at / 60)}`,
    Object.entries(outcomes)
      .map(([name, value]) => `${value} ${name}`)
      .join(', '),
    `${megabytes(last.anonymous)} own, heap ${megabytes(last.heap)}, ${last.descriptors} descriptors`,
    `timer at most ${late.toFixed(0)} ms late (99 of 100 s: ${percentile(
      minute.map(({ timerLate }) => timerLate),
      0.99,
    ).toFixed(0)}), others used ${others.toFixed(2)} cores`,
  ].join('; ')
}
