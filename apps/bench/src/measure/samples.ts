/** One measured value. Values of one round were measured one right after the other. */
export interface Sample {
  readonly round: number
  readonly contender: string
  /** "decode 128" */
  readonly figure: string
  readonly value: number
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
  readonly count: number
}

/** @throws RangeError for no values. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((left, right) => left - right)
  const [least, most] = [sorted[0], sorted.at(-1)]
  if (least === undefined || most === undefined) throw new RangeError('no values')
  const middle = (sorted.length - 1) / 2
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
  return { median, least, most, count: sorted.length }
}

/** The values of a contender's figure, in the order of the rounds; none if it was not measured. */
export const valuesOf = (samples: readonly Sample[], contender: string, figure: string): readonly number[] =>
  samples
    .filter((sample) => sample.contender === contender && sample.figure === figure)
    .map(({ value }) => value)

/**
 * How many times the value of `other` a contender's is, round by round: a slow minute of the machine hits both.
 * Undefined if there is no round with both.
 */
export function ratio(
  samples: readonly Sample[],
  [contender, figure]: readonly [contender: string, figure: string],
  [other, otherFigure]: readonly [contender: string, figure: string],
): Spread | undefined {
  const pick = (name: string, wanted: string) =>
    new Map(
      samples
        .filter((sample) => sample.contender === name && sample.figure === wanted)
        .map(({ round, value }) => [round, value]),
    )
  const [ours, theirs] = [pick(contender, figure), pick(other, otherFigure)]
  const ratios = [...ours].flatMap(([round, value]) => {
    const divisor = theirs.get(round)
    return divisor === undefined ? [] : [value / divisor]
  })
  return ratios.length === 0 ? undefined : spread(ratios)
}

/** The value that `share` of the values are not above; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.min(Math.ceil(share * sorted.length), sorted.length) - 1] ?? Number.NaN
}

/** @throws RangeError for no values. */
export const median = (values: readonly number[]): number => spread(values).median

/** Three digits that count. */
export const short = (value: number): string => {
  if (Number.isNaN(value)) return '-'
  return Math.abs(value) >= 100 || value === 0 ? value.toFixed(0) : value.toPrecision(3)
}

/** Every other round the other way round, so that nobody always runs behind the same neighbour. */
export const inTurn = <Contender>(contenders: readonly Contender[], round: number): readonly Contender[] =>
  round % 2 === 0 ? contenders : contenders.toReversed()
