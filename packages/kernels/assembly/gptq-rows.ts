// The column loop of GPTQ. Rows are independent of each other, so any split over calls gives the same bytes.
import { codes4, findGrid, loadTile, storeCodes, storeGrid, values4 } from './gptq-grid'

/** Columns whose updates are collected before they reach the columns behind them; part of the algorithm. */
const BLOCK: usize = 128
/** Rows that share one pass over the factor. */
const CHUNK: usize = 64
/** Columns that are updated together. */
const WIDTH: usize = 8

/** Bytes of scratch that `gptqRows` needs. */
export function gptqRowsScratch(columns: usize): usize {
  return (CHUNK / 4) * columns * 16 + BLOCK * (columns + WIDTH) * 4 + (CHUNK / 4) * BLOCK * 16 + columns * 4 + 32
}

/** factor [columns, columns], rows first..first+count, columns from `from` on -> panel [tiles of 8 columns, BLOCK, 8]. */
function packPanel(columns: usize, first: usize, count: usize, from: usize, factor: usize, panel: usize): void {
  let target = panel
  for (let j = from; j < columns; j += WIDTH) {
    const width = min(WIDTH, columns - j)
    for (let i: usize = 0; i < count; i++) {
      const source = factor + (((first + i) * columns + j) << 2)
      const to = target + (i << 5)
      if (width == WIDTH) {
        v128.store(to, v128.load(source))
        v128.store(to, v128.load(source, 16), 16)
      } else {
        for (let k: usize = 0; k < WIDTH; k++) store<f32>(to + (k << 2), k < width ? load<f32>(source + (k << 2)) : 0)
      }
    }
    target += BLOCK << 5
  }
}

/** tile[:, from:] -= errors · panel */
function updateBehind(columns: usize, count: usize, from: usize, tile: usize, errors: usize, panel: usize): void {
  let source = panel
  for (let j = from; j < columns; j += WIDTH) {
    let a = f32x4.splat(0)
    let b = f32x4.splat(0)
    let c = f32x4.splat(0)
    let d = f32x4.splat(0)
    let e = f32x4.splat(0)
    let f = f32x4.splat(0)
    let g = f32x4.splat(0)
    let h = f32x4.splat(0)
    for (let i: usize = 0; i < count; i++) {
      const error = v128.load(errors + (i << 4))
      const at = source + (i << 5)
      a = f32x4.add(a, f32x4.mul(error, v128.load32_splat(at)))
      b = f32x4.add(b, f32x4.mul(error, v128.load32_splat(at, 4)))
      c = f32x4.add(c, f32x4.mul(error, v128.load32_splat(at, 8)))
      d = f32x4.add(d, f32x4.mul(error, v128.load32_splat(at, 12)))
      e = f32x4.add(e, f32x4.mul(error, v128.load32_splat(at, 16)))
      f = f32x4.add(f, f32x4.mul(error, v128.load32_splat(at, 20)))
      g = f32x4.add(g, f32x4.mul(error, v128.load32_splat(at, 24)))
      h = f32x4.add(h, f32x4.mul(error, v128.load32_splat(at, 28)))
    }
    const width = min(WIDTH, columns - j)
    const to = tile + (j << 4)
    subtract(to, a)
    if (width > 1) subtract(to + 16, b)
    if (width > 2) subtract(to + 32, c)
    if (width > 3) subtract(to + 48, d)
    if (width > 4) subtract(to + 64, e)
    if (width > 5) subtract(to + 80, f)
    if (width > 6) subtract(to + 96, g)
    if (width > 7) subtract(to + 112, h)
    source += BLOCK << 5
  }
}

// @ts-ignore: decorator
@inline
function subtract(pointer: usize, value: v128): void {
  v128.store(pointer, f32x4.sub(v128.load(pointer), value))
}

/** Four rows of parameters of one group as lanes; rows beyond the last repeat it. */
function gatherGrid(row: usize, rows: usize, group: usize, groups: usize, scales: usize, zeros: usize, params: usize): void {
  for (let lane: usize = 0; lane < 4; lane++) {
    const at = min(row + lane, rows - 1) * groups + group
    store<f32>(params + (lane << 2), load<f32>(scales + (at << 2)))
    store<f32>(params + 16 + (lane << 2), <f32>load<u8>(zeros + at))
  }
}

/** Columns first..end of one tile, one after the other; what is left of each goes to the columns behind it. */
function quantizeBlock(
  rows: usize,
  columns: usize,
  groups: usize,
  row: usize,
  first: usize,
  end: usize,
  tile: usize,
  factor: usize,
  order: usize,
  groupOf: usize,
  codes: usize,
  scales: usize,
  zeros: usize,
  losses: usize,
  errors: usize,
  params: usize,
): void {
  const lanes = min(rows - row, 4)
  let current: i32 = -1
  let scale = f32x4.splat(1)
  let zero = f32x4.splat(0)
  let lossLow = f64x2.splat(0)
  let lossHigh = f64x2.splat(0)
  for (let p = first; p < end; p++) {
    const group = load<i32>(groupOf + (p << 2))
    if (group != current) {
      gatherGrid(row, rows, group, groups, scales, zeros, params)
      scale = v128.load(params)
      zero = v128.load(params, 16)
      current = group
    }
    const value = v128.load(tile + (p << 4))
    const code = codes4(value, scale, zero)
    storeCodes(code, lanes, codes + row * columns + load<u32>(order + (p << 2)), columns)
    const factors = factor + ((p * columns + p) << 2)
    const error = f32x4.div(f32x4.sub(value, values4(code, scale, zero)), v128.load32_splat(factors))
    const low = f64x2.promote_low_f32x4(error)
    const high = f64x2.promote_low_f32x4(v128.shuffle<i32>(error, error, 2, 3, 0, 1))
    lossLow = f64x2.add(lossLow, f64x2.mul(low, low))
    lossHigh = f64x2.add(lossHigh, f64x2.mul(high, high))
    v128.store(errors + ((p - first) << 4), error)
    let to = tile + ((p + 1) << 4)
    let u = factors + 4
    for (let j = p + 1; j < end; j++) {
      v128.store(to, f32x4.sub(v128.load(to), f32x4.mul(error, v128.load32_splat(u))))
      to += 16
      u += 4
    }
  }
  addLoss(losses, row, 0, lanes, f64x2.extract_lane(lossLow, 0))
  addLoss(losses, row, 1, lanes, f64x2.extract_lane(lossLow, 1))
  addLoss(losses, row, 2, lanes, f64x2.extract_lane(lossHigh, 0))
  addLoss(losses, row, 3, lanes, f64x2.extract_lane(lossHigh, 1))
}

// @ts-ignore: decorator
@inline
function addLoss(losses: usize, row: usize, lane: usize, lanes: usize, value: f64): void {
  if (lane >= lanes) return
  const at = losses + ((row + lane) << 3)
  store<f64>(at, load<f64>(at) + value / 2)
}

/**
 * weight [rows, columns] of dtype, factor float32 [columns, columns] upper, order and groupOf int32 [columns] by
 * position, dead uint8 [columns] by column -> codes uint8 [rows, columns] in the original order, scales float32 and
 * zeros uint8 [rows, groups], losses float64 [rows] (which begin at 0). With `given` the scales and zeros are inputs.
 */
export function gptqRows(
  dtype: i32,
  rows: usize,
  columns: usize,
  groups: usize,
  groupSize: usize,
  given: i32,
  weight: usize,
  factor: usize,
  order: usize,
  groupOf: usize,
  dead: usize,
  codes: usize,
  scales: usize,
  zeros: usize,
  losses: usize,
  scratch: usize,
): void {
  const tileBytes = columns << 4
  const panel = scratch + (CHUNK / 4) * tileBytes
  const errors = panel + BLOCK * (columns + WIDTH) * 4
  const params = errors + (CHUNK / 4) * (BLOCK << 4)
  const buffer = params + 32
  for (let chunk: usize = 0; chunk < rows; chunk += CHUNK) {
    const tiles = (min(CHUNK, rows - chunk) + 3) / 4
    for (let t: usize = 0; t < tiles; t++) {
      loadTile(dtype, rows, columns, chunk + t * 4, weight, order, dead, scratch + t * tileBytes, buffer)
    }
    for (let first: usize = 0; first < columns; first += BLOCK) {
      const end = min(first + BLOCK, columns)
      packPanel(columns, first, end - first, end, factor, panel)
      for (let t: usize = 0; t < tiles; t++) {
        const row = chunk + t * 4
        const tile = scratch + t * tileBytes
        const tileErrors = errors + t * (BLOCK << 4)
        if (!given) {
          // Every grid that begins in this block is taken from the weights as they are at its start.
          const begin = ((first + groupSize - 1) / groupSize) * groupSize
          for (let p = begin; p < end; p += groupSize) {
            findGrid(tile + (p << 4), min(groupSize, columns - p), params)
            const group = load<u32>(groupOf + (p << 2))
            storeGrid(params, row, min(rows - row, 4), group, groups, scales, zeros)
          }
        }
        quantizeBlock(
          rows, columns, groups, row, first, end, tile, factor, order, groupOf,
          codes, scales, zeros, losses, tileErrors, params,
        )
        if (end < columns) updateBehind(columns, end - first, end, tile, tileErrors, panel)
      }
    }
  }
}
