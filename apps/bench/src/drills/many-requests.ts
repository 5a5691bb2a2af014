import { demoModel } from 'hfquant/demo'
import { createChance } from '../measure/random.js'
import { ask, hangUp } from '../serve/ask.js'
import { serveHfquant } from '../serve/served-process.js'
import { judge, type Verdict } from '../serve/verdict.js'
import { type Second, watchProcess } from '../serve/watch-process.js'

const REQUESTS = 10_000
const TOGETHER = 12
/** What comes before fills caches. */
const WARM = 2000

/** 21: short requests, half of which are given up. */
export async function manyRequests(): Promise<readonly Verdict[]> {
  await using server = await serveHfquant([
    `bench=${demoModel}`,
    '--max-queue',
    '100',
    '--kv-cache-memory',
    '64MiB',
  ])
  const chance = createChance(21)
  const seconds: (Second & { readonly done: number })[] = []
  const over = new AbortController()
  let [begun, done, failed] = [0, 0, 0]
  const watching = watchProcess(server, over.signal, (second) => seconds.push({ ...second, done }))
  const client = async () => {
    while (begun++ < REQUESTS) {
      const leave = new AbortController()
      const timer = begun % 2 === 0 ? setTimeout(() => leave.abort(), chance.whole(30)) : undefined
      const body = { model: 'bench', prompt: `Once ${begun}`, max_tokens: 2, stream: begun % 3 === 0 }
      await ask({ url: server.url, path: '/v1/completions', body, signal: leave.signal }).then(
        ({ status }) => {
          if (status !== 200) failed++
        },
        () => {
          if (!leave.signal.aborted) failed++
        },
      )
      clearTimeout(timer)
      done++
    }
  }
  await Promise.all(Array.from({ length: TOGETHER }, client))
  hangUp()
  over.abort()
  await watching
  // The least of some seconds: what a collection of garbage leaves.
  const floor = (from: number, to: number) =>
    Math.min(...seconds.filter((one) => one.done >= from && one.done <= to).map(({ heap }) => heap)) / 1e6
  const descriptors = seconds.filter((one) => one.done >= WARM).map((one) => one.descriptors)
  const [early, late] = [floor(WARM, WARM + REQUESTS / 3), floor(REQUESTS - REQUESTS / 3, REQUESTS)]
  return [
    judge('21: requests that failed', failed, { most: 0 }, `${done} requests`),
    judge(
      '21: heap at the end over that behind 2000',
      late - early,
      { most: 16, unit: ' MB' },
      `${early.toFixed(0)} and ${late.toFixed(0)} MB`,
    ),
    judge('21: descriptors, most over least', Math.max(...descriptors) - Math.min(...descriptors), {
      most: 2 * TOGETHER,
    }),
    judge('21: warnings of listeners', Number(/MaxListeners/.test(server.log())), { most: 0 }),
  ]
}
