/** A promise about a server, and what was found. */
export interface Verdict {
  readonly what: string
  readonly bar: string
  readonly found: string
  /** Undefined where there is nothing to hold the figure against. */
  readonly isMet: boolean | undefined
}

/** A figure that must not be larger, or not be smaller. */
export function judge(
  what: string,
  value: number,
  bound: { readonly most?: number; readonly least?: number; readonly unit?: string },
  note = '',
): Verdict {
  const { most, least, unit = '' } = bound
  return {
    what,
    bar: most === undefined ? `at least ${least}${unit}` : `at most ${most}${unit}`,
    found: `${short(value)}${unit}${note && `, ${note}`}`,
    isMet: Number.isNaN(value) ? undefined : value <= (most ?? value) && value >= (least ?? value),
  }
}

const WORDS = { true: 'met', false: 'MISSED', undefined: 'not found' }

/** A line each: whether it is met, what was promised, what was found. */
export function formatVerdicts(verdicts: readonly Verdict[]): string {
  const width = (pick: (verdict: Verdict) => string) => Math.max(...verdicts.map((one) => pick(one).length))
  const [whats, bars] = [width(({ what }) => what), width(({ bar }) => bar)]
  return verdicts
    .map(({ what, bar, found, isMet }) =>
      `${WORDS[`${isMet}`].padEnd(9)}  ${what.padEnd(whats)}  ${bar.padEnd(bars)}  ${found}`.trimEnd(),
    )
    .join('\n')
}

/** Three digits that count. */
export const short = (value: number): string => {
  if (Number.isNaN(value)) return '-'
  return Math.abs(value) >= 100 || value === 0 ? value.toFixed(0) : value.toPrecision(3)
}

/** The value that `share` of the values are not above; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.min(Math.ceil(share * sorted.length), sorted.length) - 1] ?? Number.NaN
}
