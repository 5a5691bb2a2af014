import { readdirSync, readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a second of a server was like. */
export interface Second {
  /** Since the beginning, in seconds. */
  readonly at: number
  /** How late a 10 ms timer of its main thread was at most, and in 99 of 100 cases; milliseconds. */
  readonly timerLate: number
  readonly timerLateMostly: number
  /** Memory that belongs to the process alone, in bytes. */
  readonly anonymous: number
  readonly heap: number
  readonly descriptors: number
  readonly running: number
  readonly waiting: number
  /** Tokens that it has made since its start. */
  readonly tokens: number
  /** Cores that other programs of the machine used meanwhile. */
  readonly othersCores: number
}

/** Its own metrics, by their names; those with several series are added up. */
export async function readMetrics(url: string): Promise<ReadonlyMap<string, number>> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${url}/metrics`, { agent: false }, resolve).on('error', reject)
  })
  const body = await text(response)
  const metrics = new Map<string, number>()
  for (const [, name, value] of body.matchAll(/^([\w:]+)(?:\{.*\})? (\S+)/gm)) {
    metrics.set(name!, (metrics.get(name!) ?? 0) + Number(value))
  }
  return metrics
}

/** The timer that Node watches its event loop with. */
const RESOLUTION = 10

/** Looks at a server once a second until `signal` is aborted. */
export async function watchProcess(
  { url, pid }: { readonly url: string; readonly pid: number },
  signal: AbortSignal,
  onSecond: (second: Second) => void,
): Promise<void> {
  const start = performance.now()
  let before = cpuTimes(pid)
  await readMetrics(url)
  while (!signal.aborted) {
    await sleep(1000, undefined, { signal }).catch(() => {})
    const metrics = await readMetrics(url)
    const now = cpuTimes(pid)
    const of = (name: string) => metrics.get(name) ?? 0
    const late = (name: string) => Math.max(of(`nodejs_eventloop_lag_${name}_seconds`) * 1000 - RESOLUTION, 0)
    onSecond({
      at: (performance.now() - start) / 1000,
      timerLate: late('max'),
      timerLateMostly: late('p99'),
      anonymous: anonymousMemory(pid),
      heap: of('nodejs_heap_size_used_bytes'),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      running: of('hfquant_num_requests_running'),
      waiting: of('hfquant_num_requests_waiting'),
      tokens: of('hfquant_generation_tokens_total'),
      othersCores: Math.max(now.others - before.others, 0) / Math.max(now.at - before.at, 1),
    })
    before = now
  }
}

export function anonymousMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024
}

/** Linux counts in hundredths of a second. */
const TICK = 10

/** Milliseconds of processor time that neither this process nor the watched one has used. */
function cpuTimes(pid: number): { readonly at: number; readonly others: number } {
  const [user, nice, system, , , irq, softIrq] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const all = user! + nice! + system! + irq! + softIrq!
  return { at: performance.now(), others: (all - ownTicks(pid) - ownTicks('self')) * TICK }
}

function ownTicks(pid: number | 'self'): number {
  const line = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // Behind the name, which may hold spaces: state, and ten fields later the times of user and system.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
