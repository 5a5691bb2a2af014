// Family: rounding to nearest on the grids of GPTQ. Rows are independent of each other.
import { BFLOAT16, BFloat16, FLOAT32, Float16, Float32, storeAs } from './dtypes'
import { highBits, lowBits, measure } from './extent'
import { exponent, findGrid, gridOf, largest, loadTile } from './gptq-grid'
import { packedStride, packRow, TURNED_ROWS, turnWords } from './gptq-pack'
import { decodeRounded4, loadRounded4, roundsAlike } from './rounded-loads'
import { ROUNDER, ROUNDER_BITS } from './rounder'

/** Rows whose grids are found together. */
const TILE_ROWS: usize = 4
/** Groups of a row whose grids are found together, and the bytes that these take: scale [4] and zero point [4], float32. */
const GROUPS: usize = 4
const GRIDS_BYTES: usize = 32

/** Where a call works: grids of a row or a tile, those of the rows of a tile, the tile itself, ... */
let params: usize = 0
let grids: usize = 0
/** Bytes of the grids of a row. */
let gridsStride: usize = 0
let tile: usize = 0
/** ... a row of float32, one of codes, and packed rows. */
let buffer: usize = 0
let codes: usize = 0
let packed: usize = 0

/** 64 bytes, 128 for every four groups, 21 for each column; then `TURNED_ROWS` packed rows. */
function divide(scratch: usize, columns: usize, groupSize: usize): void {
  const groups = (columns + groupSize - 1) / groupSize
  params = scratch
  grids = params + 32
  gridsStride = ((groups + GROUPS - 1) / GROUPS) * GRIDS_BYTES
  tile = grids + TILE_ROWS * gridsStride
  buffer = tile + (columns << 4)
  codes = buffer + (columns << 2) + 16
  packed = codes + columns + 16
}

/** The scale of a group; its zero point lies 16 bytes behind it. */
@inline
function gridAt(rowGrids: usize, group: usize): usize {
  return rowGrids + (group / GROUPS) * GRIDS_BYTES + ((group % GROUPS) << 2)
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
  const zero = load<f32>(grid, 16)
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
  for (let first: usize = 0, group: usize = 0; first < columns; first += groupSize, group++) {
    const count = min(groupSize, columns - first)
    const grid = gridAt(rowGrids, group)
    const scale = load<f32>(grid)
    const at = source + first * sizeof<T>()
    if (isNaN(scale)) memory.fill(target + first, 0, count)
    else if (roundsAlike<T, V>(scale)) roundRun<T, T>(count, at, target + first, grid)
    else roundRun<T, V>(count, at, target + first, grid)
  }
}

/** Grids of one row, without a search. Returns whether its weights are finite; if not, scales are NaN. */
function gridsOfRow<T, V>(columns: usize, groupSize: usize, source: usize, target: usize): bool {
  let check = f32x4.splat(0)
  let grid = target
  for (let first: usize = 0; first < columns; grid += GRIDS_BYTES) {
    v128.store(params, i32x4.splat(0))
    v128.store(params, i32x4.splat(0), 16)
    for (let i: usize = 0; i < GROUPS && first < columns; i++, first += groupSize) {
      measure<T>(source + first * sizeof<T>(), min(groupSize, columns - first))
      store<u32>(params + (i << 2), lowBits)
      store<u32>(params + (i << 2), highBits, 16)
    }
    const low = decodeRounded4<T, V>(v128.load(params))
    const high = decodeRounded4<T, V>(v128.load(params, 16))
    // Only infinities and NaN give anything but 0.
    check = f32x4.add(check, f32x4.mul(low, f32x4.splat(0)))
    check = f32x4.add(check, f32x4.mul(high, f32x4.splat(0)))
    gridOf(low, high, grid)
  }
  if (!v128.any_true(f32x4.ne(check, check))) return true
  for (let at = target; at < grid; at += GRIDS_BYTES) {
    v128.store(at, f32x4.splat(NaN))
    v128.store(at, f32x4.splat(0), 16)
  }
  return false
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
    if (!gridsOfRow<T, V>(columns, groupSize, at, grids + lane * gridsStride)) refused++
  }
  if (exponent > 0) {
    loadTile<T, V>(rows, columns, row, source, tile, buffer)
    for (let group: usize = 0; group < groups; group++) {
      const first = group * groupSize
      findGrid(tile + (first << 4), min(groupSize, columns - first), params)
      for (let lane: usize = 0; lane < lanes; lane++) {
        const grid = gridAt(grids + lane * gridsStride, group)
        if (isNaN(load<f32>(grid))) continue
        store<f32>(grid, load<f32>(params + (lane << 2)))
        store<f32>(grid, load<f32>(params + (lane << 2), 16), 16)
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
      const own = grids + lane * gridsStride
      roundRow<T, T>(columns, groupSize, source + at * columns * sizeof<T>(), codes, own)
      memory.copy(target + at * columns, codes, columns)
      for (let group: usize = 0; group < groups; group++) {
        storeAs(FLOAT32, scales, at * groups + group, load<f32>(gridAt(own, group)))
        store<u8>(zeros + at * groups + group, <u8>load<f32>(gridAt(own, group), 16))
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
  divide(scratch, columns, groupSize)
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
        const own = grids + lane * gridsStride
        roundRow<T, V>(columns, groupSize, source + at * columns * sizeof<T>(), codes, own)
        packRow(bits, columns, codes, packed + (row + lane) * stride)
        for (let group: usize = 0; group < groups; group++) {
          storeAs(scaleDtype, scales, group * rows + at, load<f32>(gridAt(own, group)))
          store<u8>(zeros + group * rows + at, <u8>load<f32>(gridAt(own, group), 16))
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
  divide(scratch, columns, groupSize)
  if (from == FLOAT32)
    return roundFrom<Float32>(dtype, scaleDtype, bits, rows, columns, groupSize, source, words, scales, zeros)
  if (from == BFLOAT16)
    return roundFrom<BFloat16>(dtype, scaleDtype, bits, rows, columns, groupSize, source, words, scales, zeros)
  return roundFrom<Float16>(dtype, scaleDtype, bits, rows, columns, groupSize, source, words, scales, zeros)
}
