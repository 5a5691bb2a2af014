import { ratio, type Sample, type Spread, short, spread, valuesOf } from '../measure/samples.js'
import type { Contender } from './contenders.js'
import { unitOf } from './figures.js'
import type { TargetResult } from './targets.js'

/** Everything that a comparison found, as it is written to JSON. */
export interface Report {
  readonly source: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly threads: number
  readonly rounds: number
  readonly contenders: readonly Contender[]
  readonly figures: readonly FigureRow[]
  readonly targets: readonly TargetResult[]
  /** Of each run that other work disturbed every time: the share of the processors that went to others. */
  readonly disturbed: readonly number[]
  /** In the order of measuring. */
  readonly samples: readonly Sample[]
}

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryBytes: number
  /** Processes that wanted to run on average during the minute before, without the comparison's own. */
  readonly load: number
}

/** One figure of one contender. */
export interface FigureRow extends Spread {
  readonly figure: string
  readonly unit: string
  readonly contender: string
  /** Times the value of node-llama-cpp with as many bits, round by round. */
  readonly ratio: Spread | undefined
}

export function figureRows(
  contenders: readonly Contender[],
  samples: readonly Sample[],
): readonly FigureRow[] {
  const figures = [...new Set(samples.map(({ figure }) => figure))]
  const named = new Map(contenders.map((contender) => [contender.name, contender]))
  const names = [...new Set(samples.map(({ contender }) => contender))]
  return figures.flatMap((figure) =>
    names.flatMap((contender) => {
      const values = valuesOf(samples, contender, figure)
      if (values.length === 0) return []
      const peer = contenders.find(
        ({ engine, bits }) => engine === 'node-llama-cpp' && bits === named.get(contender)?.bits,
      )
      const compared =
        peer && peer.name !== contender ? ratio(samples, [contender, figure], [peer.name, figure]) : undefined
      return [{ figure, unit: unitOf(figure).name, contender, ...spread(values), ratio: compared }]
    }),
  )
}

/** The report for people: one table a figure, then the targets. */
export function formatReport({ figures, targets, machine, threads, rounds, disturbed }: Report): string {
  const lines = [`${machine.processor}, ${machine.cores} cores, ${threads} threads, ${rounds} rounds`]
  if (machine.load > QUIET)
    lines.push(`THE MACHINE WAS BUSY (load ${short(machine.load)}): figures mean little`)
  if (disturbed.length > 0) {
    const most = Math.round(Math.max(...disturbed) * 100)
    lines.push(`OTHER WORK DISTURBED ${disturbed.length} RUNS, by at most ${most} % of the processors`)
  }
  for (const figure of new Set(figures.map((row) => row.figure))) {
    const rows = figures.filter((row) => row.figure === figure)
    const width = Math.max(...rows.map(({ contender }) => contender.length))
    lines.push('', `${figure}, ${rows[0]!.unit}`)
    for (const { contender, median, least, most, ratio: compared } of rows) {
      const values = `${short(median).padStart(8)}  (${short(least)} to ${short(most)})`
      const against = compared === undefined ? '' : `${times(compared)} of node-llama-cpp`
      lines.push(`  ${contender.padEnd(width)}  ${values.padEnd(32)}${against}`.trimEnd())
    }
  }
  return [...lines, '', ...targets.map(formatTarget)].join('\n')
}

function formatTarget({ target, bound, found, met, by }: TargetResult): string {
  if (found === undefined) return `not measured  ${target}: ${bound}`
  return `${met ? 'met   ' : 'MISSED'}        ${target}: ${bound}, found ${times(found)}, ${by}`
}

const times = ({ median, least, most }: Spread): string =>
  `${short(median)} (${short(least)} to ${short(most)})`

/** llama.cpp waits for its threads in a loop: one that has no core to itself costs it more than the others. */
const QUIET = 0.5
