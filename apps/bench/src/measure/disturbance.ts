import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** Seconds of processor time since the machine was started. */
export interface ProcessorTimes {
  /** Over all processors. */
  readonly busy: number
  /** Given to other machines by the host, where it says so. */
  readonly stolen: number
  /** Of this process, of those that it measures, and of the processes that they started and that have ended. */
  readonly own: number
  /** On the clock. */
  readonly wall: number
}

/**
 * @param measured processes that are no others' work, and go on.
 * @returns undefined where the system is not Linux, and for a process that has ended.
 */
export function readProcessorTimes(measured: readonly number[] = []): ProcessorTimes | undefined {
  try {
    const [, user, nice, system, , , irq, softirq, steal] = numbers('/proc/stat', /^cpu .*/)
    const own = ['self', ...measured].flatMap((pid) =>
      numbers(`/proc/${pid}/stat`, /\).*/).slice(OWN_TIMES, OWN_TIMES + 4),
    )
    return {
      busy: user! + nice! + system! + irq! + softirq!,
      stolen: steal ?? 0,
      own: own.reduce((sum, time) => sum + time, 0),
      wall: performance.now() / 1000,
    }
  } catch {
    return undefined
  }
}

/** Place, behind the name of the program, of user and system time of the process and of its children. */
const OWN_TIMES = 12

/** Words of the first line that fits, as times in hundredths of a second. */
const numbers = (path: string, line: RegExp): number[] =>
  line
    .exec(readFileSync(path, 'utf8'))![0]
    .split(/\s+/)
    .map((word) => Number(word) / 100)

/** The share of the processors' time that went to others between two readings; 0 where that cannot be known. */
export function disturbance(from: ProcessorTimes | undefined, to: ProcessorTimes | undefined): number {
  if (from === undefined || to === undefined) return 0
  const others = to.busy - from.busy - (to.own - from.own) + (to.stolen - from.stolen)
  return Math.max(0, others) / ((to.wall - from.wall) * cpus().length)
}

/** A run that others took more of than this says more of them than of a library. */
export const DISTURBED = 0.05

export interface UndisturbedOptions {
  /** How often a disturbed run is made again. */
  readonly repeats: number
  /** Processes that go on while they are measured; those that end meanwhile are known. */
  readonly processes?: readonly { readonly pid: number }[]
  readonly report: (line: string) => void
}

/** What was found, and the share of the processors that went to others meanwhile. */
export interface Undisturbed<Found> {
  readonly found: Found
  readonly disturbance: number
}

/** Runs again, while the machine is disturbed; what was measured in the quietest run counts. */
export async function undisturbed<Found>(
  measure: () => Promise<Found>,
  { repeats, processes = [], report }: UndisturbedOptions,
): Promise<Undisturbed<Found>> {
  const pids = processes.map(({ pid }) => pid)
  const run = async (): Promise<Undisturbed<Found>> => {
    const before = readProcessorTimes(pids)
    const found = await measure()
    return { found, disturbance: disturbance(before, readProcessorTimes(pids)) }
  }
  return quietest(run, repeats, (first) => {
    report(`other work took ${Math.round(first.disturbance * 100)} % of the processors; again`)
  })
}

/** The quietest of some runs; the first one that is quiet ends them. */
export async function quietest<T extends { readonly disturbance: number }>(
  run: () => Promise<T>,
  repeats: number,
  onRepeat: (found: T) => void,
): Promise<T> {
  let best = await run()
  for (let repeat = 0; repeat < repeats && best.disturbance > DISTURBED; repeat++) {
    onRepeat(best)
    const next = await run()
    if (next.disturbance < best.disturbance) best = next
  }
  return best
}
