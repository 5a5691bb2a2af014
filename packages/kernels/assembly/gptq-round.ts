// Family: rounding to nearest on the grids of GPTQ. Rows are independent of each other.
import { BFLOAT16, BFloat16, FLOAT32, Float16, Float32, storeAs } from './dtypes'
import { highBits, lowBits, measure } from './extent'
import { exponent, findGrid, gridOf, largest, loadTile } from './gptq-grid'
import { packedStride, packRow, TURNED_ROWS, turnWords } from './gptq-pack'
import { decodeRounded, loadRounded4 } from './rounded-loads'
import { ROUNDER, ROUNDER_BITS } from './rounder'

/** Rows whose grids are found together. */
const TILE_ROWS: usize = 4
/** Bytes of a grid in scratch memory: scale and zero point, float32. */
const GRID_BYTES: usize = 8

/** Where a call works: a grid of four rows, the grids of each of them, a tile and a row of float32, a row of codes, packed rows. */
let params: usize = 0
let grids: usize = 0
let tile: usize = 0
let buffer: usize = 0
let codes: usize = 0
let packed: usize = 0

/** 32 bytes, 32 for each group, 21 for each column and 32 more; then `TURNED_ROWS` packed rows. */
function divide(scratch: usize, columns: usize, groups: usize): void {
  params = scratch
  grids = params + 32
  tile = grids + TILE_ROWS * groups * GRID_BYTES
  buffer = tile + (columns << 4)
  codes = buffer + (columns << 2) + 16
  packed = codes + columns + 16
}

/** Four codes w / scale + zero in the low bits of `ROUNDER` + zero, which is taken off again. */
@inline
function code4<T, V>(pointer: usize, scale: v128, low: v128, high: v128, offset: v128): v128 {
  // Bounds are whole numbers, so it makes no difference whether clamping or rounding comes first.
  const steps = f32x4.pmin(f32x4.pmax(low, f32x4.div(loadRounded4<T, V>(pointer), scale)), high)
  return i32x4.sub(f32x4.add(steps, f32x4.splat(ROUNDER)), offset)
}

/** `count` weights -> their codes at `target`; up to 15 bytes behind them are written as well. */
function roundRun<T, V>(count: usize, source: usize, target: usize, grid: usize): void {
  const scale = v128.load32_splat(grid)
  const zero = load<f32>(grid, 4)
  const low = f32x4.splat(-zero)
  const high = f32x4.splat(largest - zero)
  const offset = i32x4.splat(ROUNDER_BITS - <i32>zero)
  const step: usize = 4 * sizeof<T>()
  for (let i: usize = 0; i < count; i += 16) {
    const at = source + i * sizeof<T>()
    const first = i16x8.narrow_i32x4_s(
      code4<T, V>(at, scale, low, high, offset),
      code4<T, V>(at + step, scale, low, high, offset),
    )
    const second = i16x8.narrow_i32x4_s(
      code4<T, V>(at + 2 * step, scale, low, high, offset),
      code4<T, V>(at + 3 * step, scale, low, high, offset),
    )
    v128.store(target + i, i8x16.narrow_i16x8_u(first, second))
  }
}

/** Codes of one row at `target`, which has room for 15 more; a row that is refused has no scales, and gets codes 0. */
function roundRow<T, V>(columns: usize, groupSize: usize, source: usize, target: usize, rowGrids: usize): void {
  let grid = rowGrids
  for (let first: usize = 0; first < columns; first += groupSize) {
    const count = min(groupSize, columns - first)
    const scale = load<f32>(grid)
    if (scale == scale) roundRun<T, V>(count, source + first * sizeof<T>(), target + first, grid)
    else memory.fill(target + first, 0, count)
    grid += GRID_BYTES
  }
}

/** Grids of one row, without a search. Returns whether its weights are finite; if not, there are no grids. */
function gridsOfRow<T, V>(columns: usize, groups: usize, groupSize: usize, source: usize, target: usize): bool {
  let isFinite = true
  let grid = target
  for (let first: usize = 0; first < columns; first += groupSize) {
    measure<T>(source + first * sizeof<T>(), min(groupSize, columns - first))
    const low = decodeRounded<T, V>(lowBits)
    const high = decodeRounded<T, V>(highBits)
    isFinite = isFinite && low > -Infinity && high < Infinity
    gridOf(f32x4.splat(low), f32x4.splat(high), params)
    storeGrid(grid, load<f32>(params), load<f32>(params, 16))
    grid += GRID_BYTES
  }
  for (let group: usize = 0; !isFinite && group < groups; group++) storeGrid(target + group * GRID_BYTES, NaN, 0)
  return isFinite
}

@inline
function storeGrid(grid: usize, scale: f32, zero: f32): void {
  store<f32>(grid, scale)
  store<f32>(grid, zero, 4)
}

/** Grids of rows `row` to `row` + `lanes` - 1, [lanes, groups]. Returns the number of rows that are not finite. */
function findGrids<T, V>(
  rows: usize,
  columns: usize,
  groups: usize,
  groupSize: usize,
  row: usize,
  lanes: usize,
  source: usize,
): i32 {
  let refused = 0
  for (let lane: usize = 0; lane < lanes; lane++) {
    const at = source + (row + lane) * columns * sizeof<T>()
    if (!gridsOfRow<T, V>(columns, groups, groupSize, at, grids + lane * groups * GRID_BYTES)) refused++
  }
  if (exponent > 0) {
    loadTile<T, V>(rows, columns, row, source, tile, buffer)
    for (let group: usize = 0; group < groups; group++) {
      const first = group * groupSize
      findGrid(tile + (first << 4), min(groupSize, columns - first), params)
      for (let lane: usize = 0; lane < lanes; lane++) {
        const grid = grids + (lane * groups + group) * GRID_BYTES
        const isRefused = isNaN(load<f32>(grid))
        if (!isRefused) storeGrid(grid, load<f32>(params + (lane << 2)), load<f32>(params + (lane << 2), 16))
      }
    }
  }
  return refused
}

function gridRows<T>(
  rows: usize,
  columns: usize,
  groupSize: usize,
  source: usize,
  target: usize,
  scales: usize,
  zeros: usize,
): i32 {
  const groups = (columns + groupSize - 1) / groupSize
  let refused = 0
  for (let row: usize = 0; row < rows; row += TILE_ROWS) {
    const lanes = min(TILE_ROWS, rows - row)
    refused += findGrids<T, T>(rows, columns, groups, groupSize, row, lanes, source)
    for (let lane: usize = 0; lane < lanes; lane++) {
      const at = row + lane
      const own = grids + lane * groups * GRID_BYTES
      roundRow<T, T>(columns, groupSize, source + at * columns * sizeof<T>(), codes, own)
      memory.copy(target + at * columns, codes, columns)
      for (let group: usize = 0; group < groups; group++) {
        storeAs(FLOAT32, scales, at * groups + group, load<f32>(own + group * GRID_BYTES))
        store<u8>(zeros + at * groups + group, <u8>load<f32>(own + group * GRID_BYTES, 4))
      }
    }
  }
  return refused
}

/**
 * Round to nearest: source [rows, columns] of dtype -> codes uint8 of the same shape, scales float32 and zeros uint8
 * [rows, groups]. The last group may be short. Returns the number of rows that hold a NaN or an infinity: they get codes and
 * zeros 0, and scales NaN.
 */
export function gptqGrid(
  dtype: i32,
  rows: usize,
  columns: usize,
  groupSize: usize,
  source: usize,
  target: usize,
  scales: usize,
  zeros: usize,
  scratch: usize,
): i32 {
  divide(scratch, columns, (columns + groupSize - 1) / groupSize)
  if (dtype == FLOAT32) return gridRows<Float32>(rows, columns, groupSize, source, target, scales, zeros)
  if (dtype == BFLOAT16) return gridRows<BFloat16>(rows, columns, groupSize, source, target, scales, zeros)
  return gridRows<Float16>(rows, columns, groupSize, source, target, scales, zeros)
}

function roundRows<T, V>(
  scaleDtype: i32,
  bits: i32,
  rows: usize,
  columns: usize,
  groupSize: usize,
  source: usize,
  words: usize,
  scales: usize,
  zeros: usize,
): i32 {
  const groups = (columns + groupSize - 1) / groupSize
  const stride = packedStride(bits, columns)
  let refused = 0
  for (let first: usize = 0; first < rows; first += TURNED_ROWS) {
    const count = min(TURNED_ROWS, rows - first)
    for (let row: usize = 0; row < count; row += TILE_ROWS) {
      const lanes = min(TILE_ROWS, count - row)
      refused += findGrids<T, V>(rows, columns, groups, groupSize, first + row, lanes, source)
      for (let lane: usize = 0; lane < lanes; lane++) {
        const at = first + row + lane
        const own = grids + lane * groups * GRID_BYTES
        roundRow<T, V>(columns, groupSize, source + at * columns * sizeof<T>(), codes, own)
        packRow(bits, columns, codes, packed + (row + lane) * stride)
        for (let group: usize = 0; group < groups; group++) {
          storeAs(scaleDtype, scales, group * rows + at, load<f32>(own + group * GRID_BYTES))
          store<u8>(zeros + group * rows + at, <u8>load<f32>(own + group * GRID_BYTES, 4))
        }
      }
    }
    turnWords(count, (columns * bits + 31) / 32, packed, stride, words + (first << 2), rows << 2)
  }
  return refused
}

/** Finds the dtype that weights are rounded to. */
function roundFrom<T>(
  dtype: i32,
  scaleDtype: i32,
  bits: i32,
  rows: usize,
  columns: usize,
  groupSize: usize,
  source: usize,
  words: usize,
  scales: usize,
  zeros: usize,
): i32 {
  if (dtype == FLOAT32)
    return roundRows<T, Float32>(scaleDtype, bits, rows, columns, groupSize, source, words, scales, zeros)
  if (dtype == BFLOAT16)
    return roundRows<T, BFloat16>(scaleDtype, bits, rows, columns, groupSize, source, words, scales, zeros)
  return roundRows<T, Float16>(scaleDtype, bits, rows, columns, groupSize, source, words, scales, zeros)
}

/**
 * The same of source [rows, columns] of dtype `from`, rounded to dtype, and packed: words [ceil(columns * bits / 32), rows],
 * scales of scaleDtype and zeros uint8 [groups, rows].
 */
export function gptqRound(
  from: i32,
  dtype: i32,
  scaleDtype: i32,
  bits: i32,
  rows: usize,
  columns: usize,
  groupSize: usize,
  source: usize,
  words: usize,
  scales: usize,
  zeros: usize,
  scratch: usize,
): i32 {
  divide(scratch, columns, (columns + groupSize - 1) / groupSize)
  if (from == FLOAT32)
    return roundFrom<Float32>(dtype, scaleDtype, bits, rows, columns, groupSize, source, words, scales, zeros)
  if (from == BFLOAT16)
    return roundFrom<BFloat16>(dtype, scaleDtype, bits, rows, columns, groupSize, source, words, scales, zeros)
  return roundFrom<Float16>(dtype, scaleDtype, bits, rows, columns, groupSize, source, words, scales, zeros)
}
