import {
  joinPanels,
  type LevelTools,
  PANEL_ROWS,
  readWeight,
  rowEnergies,
  type SeenBlock,
  triangleRoom,
} from '@hfquant/calibrate'
import type { WaitingWeight } from '@hfquant/core'
import { lowerPanels, triangleLength } from '@hfquant/kernels'
import type { RoundingRules } from '../format/made-format.js'
import { addShares, type CandidateRules, candidateScales, type WeightShares } from './candidates.js'
import { isClipped } from './clip.js'
import type { Pair } from './pairs.js'
import { scaleError } from './scale-error.js'

/** How scales are looked for. */
export interface SearchRules extends RoundingRules, CandidateRules {
  readonly clip: boolean
}

/** What was seen of a block. */
export interface ObservedBlock {
  /** The best scale of each pair; undefined where none is better than no scale. */
  readonly scales: ReadonlyMap<Pair, Float32Array | undefined>
  /** Σ x·xᵀ of each group of columns, by the path of a weight that is to be clipped; see ClipInputs. */
  readonly moments: ReadonlyMap<string, readonly Float32Array[]>
  /** Paths of weights that met tokens. */
  readonly met: ReadonlySet<string>
}

/** The rules for rows of some columns, which may be one group. */
export const inRow = <Rules extends RoundingRules>(rules: Rules, columns: number): Rules =>
  rules.groupSize === -1 ? { ...rules, groupSize: columns } : rules

/** Rows of a weight that the search looks at: every n-th of a larger one says the same. */
const SEARCHED_ROWS = 512

/**
 * Looks for scales: the mean of the inputs first, which candidates are made of, then Σ x·xᵀ, by which each is judged.
 */
export async function observeBlock(
  { observe }: Pick<SeenBlock, 'observe'>,
  pairs: readonly Pair[],
  rules: SearchRules,
  tools: LevelTools,
): Promise<ObservedBlock> {
  const pairOf = new Map(pairs.flatMap((pair) => pair.weights.map((weight) => [weight.info.path, pair])))
  const candidates = await makeCandidates(observe, pairs, rules, tools)
  const losses = new Map(pairs.map((pair) => [pair, new Float64Array(candidates.get(pair)!.length)]))
  const moments = new Map<string, readonly Float32Array[]>()
  const met = new Set<string>()
  let groups = 0
  for await (const seen of observe({ momentPanelRows: PANEL_ROWS })) {
    for (const { width, tokens, moments: panels, weights } of seen) {
      const triangle = joinPanels(panels!, width, triangleRoom(tools.scratch, 'moments', width))
      if (tokens === 0) continue
      for (const { info } of weights) met.add(info.path)
      const clipped = rules.clip ? weights.filter(({ info }) => isClipped(info.path)) : []
      if (clipped.length > 0) {
        const blocks = diagonalBlocks(triangle, width, inRow(rules, width), `moments.${groups++}`, tools)
        for (const { info } of clipped) moments.set(info.path, blocks)
      }
      for (const weight of weights) {
        const pair = pairOf.get(weight.info.path)
        if (pair === undefined) continue
        const found = await lossesOf(weight, candidates.get(pair)!, triangle, rules, tools)
        const sums = losses.get(pair)!
        for (const [index, loss] of found.entries()) sums[index]! += loss
      }
    }
  }
  return {
    scales: new Map(pairs.map((pair) => [pair, best(candidates.get(pair)!, losses.get(pair)!)])),
    moments,
    met,
  }
}

/** The first of the least losses; a scale of ones is none. */
function best(candidates: readonly Float32Array[], losses: Float64Array): Float32Array | undefined {
  let least = 0
  for (const [index, loss] of losses.entries()) if (loss < losses[least]!) least = index
  const scale = candidates[least]!
  return scale.every((value) => value === 1) ? undefined : scale
}

async function makeCandidates(
  observe: SeenBlock['observe'],
  pairs: readonly Pair[],
  rules: SearchRules,
  tools: LevelTools,
): Promise<ReadonlyMap<Pair, readonly Float32Array[]>> {
  const inputs = new Map(pairs.map((pair) => [pair, { sums: new Float64Array(pair.width), tokens: 0 }]))
  if (pairs.length > 0) {
    for await (const seen of observe({ magnitudes: true })) {
      for (const { tokens, magnitudes, weights } of seen) {
        const paths = new Set(weights.map(({ info }) => info.path))
        for (const [pair, sums] of inputs) {
          // Experts of a layer read parts of the same channels: their tokens count together.
          if (!pair.weights.some(({ info }) => paths.has(info.path))) continue
          sums.tokens += tokens
          for (const [channel, sum] of magnitudes!.entries()) sums.sums[channel]! += sum
        }
      }
    }
  }
  const made = new Map<Pair, readonly Float32Array[]>()
  for (const [pair, { sums, tokens }] of inputs) {
    const shares: WeightShares = { sums: new Float64Array(pair.width), rows: 0 }
    for (const weight of pair.weights)
      addShares(await read(weight, tools), inRow(rules, pair.width).groupSize, shares)
    const means = {
      inputs: Float32Array.from(sums, (sum) => sum / Math.max(tokens, 1)),
      weights: Float32Array.from(shares.sums, (sum) => sum / shares.rows),
    }
    made.set(pair, candidateScales(means, rules))
  }
  return made
}

/** tr(ΔW·H·ΔWᵀ) for each candidate. */
async function lossesOf(
  weight: WaitingWeight,
  candidates: readonly Float32Array[],
  triangle: Float32Array,
  rules: SearchRules,
  tools: LevelTools,
): Promise<readonly number[]> {
  const whole = await read(weight, tools)
  const { columns } = whole
  const step = Math.ceil(whole.rows / SEARCHED_ROWS)
  const rows = Math.ceil(whole.rows / step)
  const some = { values: tools.scratch.floats('searched', rows * columns), rows, columns }
  for (let row = 0; row < rows; row++) {
    const first = row * step * columns
    some.values.set(whole.values.subarray(first, first + columns), row * columns)
  }
  const difference = { ...some, values: tools.scratch.floats('difference', rows * columns) }
  const losses: number[] = []
  for (const scale of candidates) {
    tools.signal?.throwIfAborted()
    scaleError(some, scale, inRow(rules, columns), difference.values)
    const energies = await rowEnergies(difference, triangle, tools)
    losses.push((energies.reduce((sum, energy) => sum + energy, 0) * whole.rows) / rows)
  }
  return losses
}

const read = (weight: WaitingWeight, tools: LevelTools) =>
  tools.stopwatch.measure('javascript', () => readWeight(weight, tools.scratch, tools))

/** Of each group of columns the square on the diagonal, in shared memory, laid out as the whole is. */
function diagonalBlocks(
  triangle: Float32Array,
  size: number,
  { groupSize }: RoundingRules,
  use: string,
  { scratch }: LevelTools,
): readonly Float32Array[] {
  const panels = lowerPanels(size, PANEL_ROWS)
  const entry = (row: number, column: number) => {
    const { first, width, offset } = panels[Math.floor(Math.max(row, column) / PANEL_ROWS)]!
    return triangle[offset + (Math.max(row, column) - first) * width + Math.min(row, column)]!
  }
  const length = triangleLength(groupSize, PANEL_ROWS)
  const all = scratch.floats(use, (size / groupSize) * length)
  return Array.from({ length: size / groupSize }, (_, group) => {
    const block = all.subarray(group * length, (group + 1) * length)
    const start = group * groupSize
    for (const { first, end, width, offset } of lowerPanels(groupSize, PANEL_ROWS)) {
      for (let row = first; row < end; row++) {
        for (let column = 0; column < width; column++) {
          block[offset + (row - first) * width + column] = entry(start + row, start + column)
        }
      }
    }
    return block
  })
}
