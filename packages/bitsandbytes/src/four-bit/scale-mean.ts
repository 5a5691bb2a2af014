import type { BnbProfile } from '@hfquant/kernels'

/**
 * Mean of the scales as float32, the offset of double quantization.
 *
 * 'cpu': added up in the order of the library's host, PyTorch on x86-64 with AVX2 and one thread. 'cuda': in double
 * precision; a GPU adds in an order of its own, so the last bit may differ there.
 */
export function meanOf(scales: Float32Array, profile: BnbProfile): number {
  if (scales.length === 0) return 0
  const sum = profile === 'cpu' ? cascadeSum(scales) : scales.reduce((total, scale) => total + scale, 0)
  return Math.fround(sum / scales.length)
}

/** Numbers in a vector register, and vectors that are added side by side. */
const LANES = 8
const COLUMNS = 4
const WIDTH = LANES * COLUMNS
/** Sums of sums of sums, so that no partial sum meets a number much smaller than itself. */
const LEVELS = 4

/**
 * `torch.sum` of a contiguous float32 vector: four columns of vectors, each added up in a cascade of four levels, then
 * the vectors that are left, the columns, the numbers that are left, and last the lanes.
 */
function cascadeSum(values: Float32Array): number {
  const vectors = Math.floor(values.length / LANES)
  const steps = Math.floor(vectors / COLUMNS)
  const sums = cascadeColumns(values, steps)
  const addTo = (lane: number, value: number) => {
    sums[lane] = sums[lane]! + value
  }
  for (let i = steps * WIDTH; i < vectors * LANES; i++) addTo(i % LANES, values[i]!)
  for (let i = LANES; i < WIDTH; i++) addTo(i % LANES, sums[i]!)
  let total = 0
  for (let i = vectors * LANES; i < values.length; i++) total = Math.fround(total + values[i]!)
  for (let lane = 0; lane < LANES; lane++) total = Math.fround(total + sums[lane]!)
  return total
}

/** Sums of the first `steps` groups of vectors, [COLUMNS, LANES]. A level is passed on when it holds enough numbers. */
function cascadeColumns(values: Float32Array, steps: number): Float32Array {
  const power = Math.max(4, Math.floor(Math.ceil(Math.log2(Math.max(steps, 1))) / LEVELS))
  const levels = Array.from({ length: LEVELS }, () => new Float32Array(WIDTH))
  const passOn = (level: number) => {
    for (let i = 0; i < WIDTH; i++) levels[level]![i] = levels[level]![i]! + levels[level - 1]![i]!
    levels[level - 1]!.fill(0)
  }
  const lowest = levels[0]!
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < WIDTH; i++) lowest[i] = lowest[i]! + values[step * WIDTH + i]!
    for (let level = 1; level < LEVELS && (step + 1) % 2 ** (power * level) === 0; level++) passOn(level)
  }
  for (let level = 1; level < LEVELS; level++) {
    for (let i = 0; i < WIDTH; i++) lowest[i] = lowest[i]! + levels[level]![i]!
  }
  return lowest
}
