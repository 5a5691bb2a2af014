import { readdirSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { cpus } from 'node:os'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { disturbance, readProcessorTimes } from '../measure/disturbance.js'
import { residentMemory } from '../measure/resident-memory.js'

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
  /** Cores that went to other programs meanwhile, or to other machines of the host. */
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
  let before = readProcessorTimes([pid])
  await readMetrics(url)
  while (!signal.aborted) {
    await sleep(1000, undefined, { signal }).catch(() => {})
    const metrics = await readMetrics(url)
    const now = readProcessorTimes([pid])
    const of = (name: string) => metrics.get(name) ?? 0
    const late = (name: string) => Math.max(of(`nodejs_eventloop_lag_${name}_seconds`) * 1000 - RESOLUTION, 0)
    onSecond({
      at: (performance.now() - start) / 1000,
      timerLate: late('max'),
      timerLateMostly: late('p99'),
      anonymous: residentMemory(pid)?.anonymous ?? Number.NaN,
      heap: of('nodejs_heap_size_used_bytes'),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      running: of('hfquant_num_requests_running'),
      waiting: of('hfquant_num_requests_waiting'),
      tokens: of('hfquant_generation_tokens_total'),
      othersCores: disturbance(before, now) * cpus().length,
    })
    before = now
  }
}
