import { short } from '../measure/samples.js'

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
