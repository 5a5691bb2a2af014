import type { SharedWeight } from '@hfquant/calibrate'

const { fround } = Math

/** Exponents of the inputs that are tried: 0, 1/20, … 19/20. */
const STEPS = 20
const SMALLEST = fround(1e-4)

/** What is known of the channels that a scale is looked for; all of it float32. */
export interface ChannelMeans {
  /** Mean magnitude of the inputs. */
  readonly inputs: Float32Array
  /** Mean magnitude of the weights, each as a share of the largest in its group. */
  readonly weights: Float32Array
}

/** Which scales are tried. */
export interface CandidateRules {
  /** True: no scale at all is the first candidate, so that nothing gets worse than rounding. */
  readonly identity: boolean
  /** True: channels with large weights are scaled less. */
  readonly duo: boolean
}

/** Scales of all channels, in the order in which they are tried (Lin et al. 2023, as AutoAWQ searches). */
export function candidateScales(
  { inputs, weights }: ChannelMeans,
  { identity, duo }: CandidateRules,
): readonly Float32Array[] {
  const scales = Array.from({ length: STEPS }, (_, step) => {
    const ratio = step / STEPS
    const raw = inputs.map((input, channel) => {
      const power = fround(input ** ratio)
      const share = duo ? fround(fround(weights[channel]! ** (1 - ratio)) + SMALLEST) : 1
      return Math.max(fround(power / share), SMALLEST)
    })
    const middle = fround(Math.sqrt(fround(largest(raw) * smallest(raw))))
    return raw.map((scale) => {
      const centred = fround(scale / middle)
      return Number.isFinite(centred) ? centred : 1
    })
  })
  return identity ? [new Float32Array(inputs.length).fill(1), ...scales] : scales
}

const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, value), 0)
const smallest = (values: Float32Array) =>
  values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)

/** Sums, over the rows of weights, of magnitudes as shares of the largest in their group. */
export interface WeightShares {
  readonly sums: Float64Array
  rows: number
}

export function addShares(
  { values, rows, columns }: SharedWeight,
  groupSize: number,
  shares: WeightShares,
): void {
  for (let start = 0; start < values.length; start += groupSize) {
    const end = start + groupSize
    let most = 0
    for (let at = start; at < end; at++) most = Math.max(most, Math.abs(values[at]!))
    const bound = fround(most + 1e-6)
    const first = start % columns
    for (let at = start; at < end; at++) {
      shares.sums[first + at - start]! += fround(Math.abs(values[at]!) / bound)
    }
  }
  shares.rows += rows
}
