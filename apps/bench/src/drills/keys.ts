import { randomBytes } from 'node:crypto'
import { Agent, get } from 'node:http'
import { demoModel } from 'hfquant/demo'
import { serveHfquant } from '../serve/served-process.js'
import { judge, type Verdict } from '../serve/verdict.js'

const KEY = randomBytes(32).toString('hex')
const PAIRS = 2000
const TRIES = 10_000

/** 14: what is answered to wrong keys, and whether the time of the answer tells how wrong they are. */
export async function keys(): Promise<readonly Verdict[]> {
  await using server = await serveHfquant([`bench=${demoModel}`, '--load', 'lazy'], KEY)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (key: string | undefined): Promise<{ readonly status: number; readonly took: number }> =>
    new Promise((resolve, reject) => {
      const since = performance.now()
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
      get(`${server.url}/v1/models`, { agent, headers }, (response) => {
        response
          .resume()
          .on('end', () => resolve({ status: response.statusCode!, took: performance.now() - since }))
      }).on('error', reject)
    })
  try {
    const wrong = (shared: number) => KEY.slice(0, shared) + randomBytes(32).toString('hex').slice(shared)
    const statuses = new Map<number, number>()
    const count = (status: number) => statuses.set(status, (statuses.get(status) ?? 0) + 1)
    for (const key of [undefined, '', KEY.slice(0, 63), `${KEY}0`, 'x'.repeat(8000)])
      count((await ask(key)).status)
    const huge = await ask('x'.repeat(2 ** 20)).catch(() => ({ status: 431 }))
    const good = await ask(KEY)
    const [near, far]: [number[], number[]] = [[], []]
    for (let pair = 0; pair < TRIES / 2; pair++) {
      // In another order every time: whoever comes second finds warmer caches.
      for (const [shared, times] of pair % 2 === 0
        ? ([
            [60, near],
            [0, far],
          ] as const)
        : ([
            [0, far],
            [60, near],
          ] as const)) {
        const { status, took } = await ask(wrong(shared))
        count(status)
        if (pair >= TRIES / 2 - PAIRS) times.push(took)
      }
    }
    const refused = statuses.get(401) ?? 0
    return [
      judge('14: wrong keys that are answered with 401', refused, { least: TRIES + 5 }),
      judge('14: status of a key of a megabyte', huge.status, { most: 431, least: 431 }),
      judge('14: status of the right one', good.status, { most: 200, least: 200 }),
      judge(
        "14: Welch's t of near and far keys",
        Math.abs(welch(near, far)),
        { most: 4.5 },
        `${PAIRS} pairs`,
      ),
    ]
  } finally {
    agent.destroy()
  }
}

/** Of the faster nine tenths: what the machine did meanwhile makes the rest. */
function welch(left: readonly number[], right: readonly number[]): number {
  const describe = (values: readonly number[]) => {
    const kept = [...values].sort((one, other) => one - other).slice(0, Math.floor(values.length * 0.9))
    const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length
    const variance = kept.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (kept.length - 1)
    return { mean, error: variance / kept.length }
  }
  const [one, other] = [describe(left), describe(right)]
  return (one.mean - other.mean) / Math.sqrt(one.error + other.error)
}
