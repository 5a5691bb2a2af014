import { compileModel } from 'hfquant'
import { undisturbed } from '../../measure/disturbance.js'
import { short, spread } from '../../measure/samples.js'
import { type ServedProcess, serveHfquant, startServer } from '../served-process.js'
import type { Verdict } from '../verdict.js'

export interface BarsOptions {
  /** Folders and files of the models. */
  readonly models: {
    readonly float: string
    readonly fourBit: string
    readonly eightBit: string
    readonly q4: string
    readonly q8: string
    readonly gliner: string
  }
  readonly threads: number
  readonly rounds: number
  readonly vocabulary: number
  report(line: string): void
}

/** Measures something, and says whether it is as it has to be. */
export type Bar = (options: BarsOptions) => Promise<readonly Verdict[]>

/** Tokens of a prompt whose stream is there for its speed. */
export const SHORT = 16
export const TOGETHER = 8

/** How often a disturbed round is made again: a bar is to be measured within some minutes. */
const REPEATS = 1

/**
 * What `measure` finds in each round. A round that other work disturbs is measured again.
 *
 * @param processes that are measured, and go on.
 */
export async function inRounds<Found>(
  { rounds, report }: Pick<BarsOptions, 'rounds' | 'report'>,
  processes: readonly { readonly pid: number }[],
  measure: (round: number) => Promise<Found>,
): Promise<readonly Found[]> {
  const all: Found[] = []
  for (let round = 0; round < rounds; round++) {
    const { found } = await undisturbed(() => measure(round), { repeats: REPEATS, processes, report })
    report(`round ${round + 1} of ${rounds}: ${JSON.stringify(found)}`)
    all.push(found)
  }
  return all
}

export const serve = (path: string, threads: number): Promise<ServedProcess> =>
  serveHfquant([`bench=${path}`, '--threads', `${threads}`])

/**
 * Serves a large model that is compiled: the first session of one that is not holds its weights in memory of its own, for as
 * long as it is open, and has another process beside it that compiles.
 */
export async function serveCompiled(path: string, threads: number): Promise<ServedProcess> {
  await compileModel(path)
  return serve(path, threads)
}

export const servePeer = (file: string, folder: string, threads: number): Promise<ServedProcess> =>
  startServer([
    process.argv[1]!,
    'serve-peer',
    JSON.stringify({ file, folder, threads, contextSize: 1024, sequences: TOGETHER }),
  ])

export const range = (values: readonly number[], unit = ''): string => {
  const { least, most, count } = spread(values)
  return `${short(least)} to ${short(most)}${unit} in ${count} rounds`
}
