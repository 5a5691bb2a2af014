// Family: affine grids of GPTQ, one scale and zero point for each run of columns of a row. Four rows can be handled
// together: a tile is [columns, 4] float32 with one row to a lane.
import { narrowFloat16, widenFloat16 } from './dtypes'
import { power4 } from './power4'
import { loadRounded4 } from './rounded-loads'

/** Steps of the scale search and the grid they are taken on. */
const SEARCH_STEPS: i32 = 80
const SEARCH_GRID: f64 = 100
/** Smallest and largest scale that float16 holds. */
const SMALLEST_SCALE: f32 = 5.9604644775390625e-8
const LARGEST_SCALE: f32 = 65504

/** The largest code. */
export let largest: f32 = 15
let symmetric: bool = true
let oneSided: bool = false
let smallestZero: f32 = 0
/** Exponent of the scale search; 0: there is none. */
export let exponent: f64 = 0
let roundsScales: bool = false

/** Sets what all grids of the next call have in common. */
export function configureGrid(
  bits: i32,
  isSymmetric: i32,
  isOneSided: i32,
  minimumZero: i32,
  searchExponent: f64,
  scaleIsRounded: i32,
): void {
  largest = <f32>((1 << bits) - 1)
  symmetric = isSymmetric != 0
  oneSided = isOneSided != 0
  smallestZero = <f32>minimumZero
  exponent = searchExponent
  roundsScales = scaleIsRounded != 0
}

@inline
export function codes4(value: v128, scale: v128, zero: v128): v128 {
  const code = f32x4.add(f32x4.nearest(f32x4.div(value, scale)), zero)
  return f32x4.min(f32x4.max(code, f32x4.splat(0)), f32x4.splat(largest))
}

@inline
export function values4(code: v128, scale: v128, zero: v128): v128 {
  return f32x4.mul(scale, f32x4.sub(code, zero))
}

function scaleOf(low: v128, high: v128): v128 {
  const scale = f32x4.div(f32x4.sub(high, low), f32x4.splat(largest))
  const bounded = f32x4.min(f32x4.max(scale, f32x4.splat(SMALLEST_SCALE)), f32x4.splat(LARGEST_SCALE))
  return roundsScales ? widenFloat16(narrowFloat16(bounded)) : bounded
}

function zeroOf(low: v128, scale: v128): v128 {
  if (symmetric) return f32x4.splat((largest + 1) / 2)
  const zero = f32x4.nearest(f32x4.div(f32x4.neg(low), scale))
  return f32x4.min(f32x4.max(zero, f32x4.splat(smallestZero)), f32x4.splat(largest))
}

/** Lanes that are 0 throughout: they get the grid of -1 to 1. */
@inline
function isEmpty(low: v128, high: v128): v128 {
  return v128.and(f32x4.eq(low, f32x4.splat(0)), f32x4.eq(high, f32x4.splat(0)))
}

/** Where the grid ends for weights from `low` <= 0 to `high` >= 0. */
@inline
function upperBound(low: v128, high: v128): v128 {
  const upper = symmetric ? f32x4.max(f32x4.neg(low), high) : high
  return v128.bitselect(f32x4.splat(1), upper, isEmpty(low, high))
}

/** Where it begins. */
@inline
function lowerBound(low: v128, high: v128): v128 {
  let lower = low
  if (symmetric) {
    lower = f32x4.neg(f32x4.max(f32x4.neg(low), high))
    if (oneSided) lower = v128.bitselect(lower, low, f32x4.lt(low, f32x4.splat(0)))
  }
  return v128.bitselect(f32x4.splat(-1), lower, isEmpty(low, high))
}

/**
 * Grids, without a search, of four runs of weights from `low` <= 0 to `high` >= 0: scale [4] at `target`, zero point [4]
 * behind it.
 */
@inline
export function gridOf(low: v128, high: v128, target: usize): void {
  const lower = lowerBound(low, high)
  const scale = scaleOf(lower, upperBound(low, high))
  v128.store(target, scale)
  v128.store(target, zeroOf(lower, scale), 16)
}

/** Grid of `count` columns at `tile`: scale [4] at `target`, zero point [4] behind it, both float32. */
export function findGrid(tile: usize, count: usize, target: usize): void {
  let low = f32x4.splat(0)
  let high = f32x4.splat(0)
  for (let at = tile, end = tile + (count << 4); at < end; at += 16) {
    const value = v128.load(at)
    low = f32x4.min(low, value)
    high = f32x4.max(high, value)
  }
  gridOf(low, high, target)
  if (exponent > 0) search(tile, count, lowerBound(low, high), upperBound(low, high), target)
}

/** Shrinks the bounds step by step and keeps the grid of the first strict minimum of the error. */
function search(tile: usize, count: usize, low: v128, high: v128, target: usize): void {
  let bestLow = f64x2.splat(Infinity)
  let bestHigh = f64x2.splat(Infinity)
  let bestScale = v128.load(target)
  let bestZero = v128.load(target, 16)
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const factor = f32x4.splat(<f32>(1 - <f64>step / SEARCH_GRID))
    const shrunk = f32x4.mul(low, factor)
    const scale = scaleOf(shrunk, f32x4.mul(high, factor))
    const zero = zeroOf(shrunk, scale)
    let sumLow = f64x2.splat(0)
    let sumHigh = f64x2.splat(0)
    for (let at = tile, end = tile + (count << 4); at < end; at += 16) {
      const value = v128.load(at)
      const distance = f32x4.abs(f32x4.sub(values4(codes4(value, scale, zero), scale, zero), value))
      const term = power4(distance, <f32>exponent)
      sumLow = f64x2.add(sumLow, f64x2.promote_low_f32x4(term))
      sumHigh = f64x2.add(sumHigh, f64x2.promote_low_f32x4(v128.shuffle<i32>(term, term, 2, 3, 0, 1)))
    }
    const lessLow = f64x2.lt(sumLow, bestLow)
    const lessHigh = f64x2.lt(sumHigh, bestHigh)
    bestLow = v128.bitselect(sumLow, bestLow, lessLow)
    bestHigh = v128.bitselect(sumHigh, bestHigh, lessHigh)
    const less = v128.shuffle<i32>(lessLow, lessHigh, 0, 2, 4, 6)
    bestScale = v128.bitselect(scale, bestScale, less)
    bestZero = v128.bitselect(zero, bestZero, less)
  }
  v128.store(target, bestScale)
  v128.store(target, bestZero, 16)
}

/**
 * Four rows of source [rows, columns] from `row` on, rounded to V -> tile [columns, 4]; lanes beyond the last row are 0.
 * `buffer` has room for a row of float32 and 12 bytes more, unless that is what the source holds and stays.
 */
export function loadTile<T, V>(
  rows: usize,
  columns: usize,
  row: usize,
  source: usize,
  tile: usize,
  buffer: usize,
): void {
  const rowBytes = columns * sizeof<T>()
  for (let lane: usize = 0; lane < 4; lane++) {
    let values = source + (row + lane) * rowBytes
    const to = tile + (lane << 2)
    if (row + lane >= rows) {
      for (let p: usize = 0; p < columns; p++) store<f32>(to + (p << 4), 0)
      continue
    }
    if (!isFloat<T>() || !isFloat<V>()) {
      for (let p: usize = 0; p < columns; p += 4) v128.store(buffer + (p << 2), loadRounded4<T, V>(values + p * sizeof<T>()))
      values = buffer
    }
    for (let p: usize = 0; p < columns; p++) store<f32>(to + (p << 4), load<f32>(values + (p << 2)))
  }
}

/** Copies a grid at `params` into scales float32 [rows, groups] and zeros uint8 [rows, groups]. */
export function storeGrid(
  params: usize,
  row: usize,
  lanes: usize,
  group: usize,
  groups: usize,
  scales: usize,
  zeros: usize,
): void {
  for (let lane: usize = 0; lane < lanes; lane++) {
    const at = (row + lane) * groups + group
    store<f32>(scales + (at << 2), load<f32>(params + (lane << 2)))
    store<u8>(zeros + at, <u8>load<f32>(params + 16 + (lane << 2)))
  }
}
