import { spread } from '../../compare/samples.js'
import { type ServedProcess, serveHfquant, startServer } from '../served-process.js'
import { short, type Verdict } from '../verdict.js'

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

export const serve = (path: string, threads: number, more: readonly string[] = []): Promise<ServedProcess> =>
  serveHfquant([`bench=${path}`, '--threads', `${threads}`, ...more])

export const servePeer = (file: string, folder: string, threads: number): Promise<ServedProcess> =>
  startServer([
    process.argv[1]!,
    'serve-peer',
    JSON.stringify({ file, folder, threads, contextSize: 1024, sequences: TOGETHER }),
  ])

export const median = (values: readonly number[]): number => spread(values).median

export const range = (values: readonly number[], unit = ''): string => {
  const { least, most, count } = spread(values)
  return `${short(least)} to ${short(most)}${unit} in ${count} rounds`
}
