import type { SeenBlock } from '@hfquant/calibrate'
import type { RescaledOutput, WaitingWeight } from '@hfquant/core'

/** Channels that a scale is looked for. */
export interface Pair {
  readonly before: RescaledOutput
  /** Weights that are quantized, and read these channels. */
  readonly weights: readonly WaitingWeight[]
  /** Paths of layers that read them and stay in float. */
  readonly floats: readonly string[]
  readonly width: number
}

/**
 * The pairs of a block whose both sides can be changed: what makes the channels is a norm, or a weight that is quantized as
 * well; what reads them is quantized, or has a weight in float.
 */
export function pairsOf({
  rescalings,
  weights,
  floats,
}: Pick<SeenBlock, 'rescalings' | 'weights' | 'floats'>): readonly Pair[] {
  const waiting = new Map(weights.map((weight) => [weight.info.path, weight]))
  return rescalings.flatMap(({ before, after }) => {
    const own = after.flatMap((path) => waiting.get(path) ?? [])
    const rest = after.filter((path) => !waiting.has(path))
    const [first] = own
    const isOpen = before.kind === 'norm' ? floats.has(`${before.path}.weight`) : waiting.has(before.path)
    if (first === undefined || !isOpen || !rest.every((path) => floats.has(`${path}.weight`))) return []
    return [{ before, weights: own, floats: rest, width: first.info.inFeatures }]
  })
}
