// The column loop of GPTQ. Rows are independent of each other, so any split over calls gives the same bytes.
import { codes4, findGrid, storeGrid, values4 } from './gptq-grid'
import { addLanes, BLOCK, CHUNK, multiply, packPanel, panelBytes, WIDTH } from './gptq-products'

/** Bytes of scratch that `gptqRows` needs for `columns` columns from the first that is quantized on. */
export function gptqRowsScratch(columns: usize): usize {
  return CHUNK * columns * 4 + panelBytes(columns) + CHUNK * BLOCK * 4 + 32 + WIDTH * 16
}

/** Four rows of state [rows, columns] -> tile: the columns at positions from..columns of the order. */
function loadColumns(
  state: usize,
  rows: usize,
  columns: usize,
  row: usize,
  from: usize,
  order: usize,
  tile: usize,
): void {
  const last = rows - 1
  const a = state + ((row * columns) << 2)
  const b = state + ((min(row + 1, last) * columns) << 2)
  const c = state + ((min(row + 2, last) * columns) << 2)
  const d = state + ((min(row + 3, last) * columns) << 2)
  let to = tile
  for (let p = from; p < columns; p++) {
    const at = <usize>load<u32>(order + (p << 2)) << 2
    let value = v128.load32_zero(a + at)
    value = f32x4.replace_lane(value, 1, load<f32>(b + at))
    value = f32x4.replace_lane(value, 2, load<f32>(c + at))
    value = f32x4.replace_lane(value, 3, load<f32>(d + at))
    v128.store(to, value)
    to += 16
  }
}

/** The way back. */
function storeColumns(
  tile: usize,
  rows: usize,
  columns: usize,
  row: usize,
  from: usize,
  order: usize,
  state: usize,
): void {
  const lanes = min(rows - row, 4)
  const a = state + ((row * columns) << 2)
  const step = columns << 2
  let source = tile
  for (let p = from; p < columns; p++) {
    let to = a + (<usize>load<u32>(order + (p << 2)) << 2)
    for (let lane: usize = 0; lane < lanes; lane++) {
      store<f32>(to, load<f32>(source + (lane << 2)))
      to += step
    }
    source += 16
  }
}

/** Four rows of parameters of one group as lanes; rows beyond the last repeat it. */
function gatherGrid(row: usize, rows: usize, group: usize, groups: usize, scales: usize, zeros: usize, params: usize): void {
  for (let lane: usize = 0; lane < 4; lane++) {
    const at = min(row + lane, rows - 1) * groups + group
    store<f32>(params + (lane << 2), load<f32>(scales + (at << 2)))
    store<f32>(params + 16 + (lane << 2), <f32>load<u8>(zeros + at))
  }
}

/**
 * `count` columns at the beginning of a tile, one after the other; what is left of each goes to those behind it, and its
 * place takes the code. factor: row and column of the first one; groupOf: from its position on.
 */
function quantizeBlock(
  rows: usize,
  groups: usize,
  row: usize,
  count: usize,
  tile: usize,
  factor: usize,
  stride: usize,
  groupOf: usize,
  scales: usize,
  zeros: usize,
  losses: usize,
  errors: usize,
  params: usize,
): void {
  const half = f64x2.splat(0.5)
  let current: i32 = -1
  let scale = f32x4.splat(1)
  let zero = f32x4.splat(0)
  let lossLow = f64x2.splat(0)
  let lossHigh = f64x2.splat(0)
  for (let p: usize = 0; p < count; p++) {
    const group = load<i32>(groupOf + (p << 2))
    if (group != current) {
      gatherGrid(row, rows, group, groups, scales, zeros, params)
      scale = v128.load(params)
      zero = v128.load(params, 16)
      current = group
    }
    const value = v128.load(tile + (p << 4))
    const code = codes4(value, scale, zero)
    v128.store(tile + (p << 4), code)
    const factors = factor + ((p * stride + p) << 2)
    const error = f32x4.div(f32x4.sub(value, values4(code, scale, zero)), v128.load32_splat(factors))
    const low = f64x2.promote_low_f32x4(error)
    const high = f64x2.promote_low_f32x4(v128.shuffle<i32>(error, error, 2, 3, 0, 1))
    lossLow = f64x2.add(lossLow, f64x2.mul(low, low))
    lossHigh = f64x2.add(lossHigh, f64x2.mul(high, high))
    v128.store(errors + (p << 4), error)
    let to = tile + ((p + 1) << 4)
    let u = factors + 4
    for (let j = p + 1; j < count; j++) {
      v128.store(to, f32x4.sub(v128.load(to), f32x4.mul(error, v128.load32_splat(u))))
      to += 16
      u += 4
    }
  }
  addLanes(losses, rows, row, f64x2.mul(lossLow, half), f64x2.mul(lossHigh, half))
}

/** tile[0..count] -= errors · panel; `products` has room for eight of them. */
function updateBehind(count: usize, tile: usize, errors: usize, errorCount: usize, panel: usize, products: usize): void {
  let source = panel
  for (let j: usize = 0; j < count; j += WIDTH) {
    multiply(errors, errorCount, source, products)
    const width = min(WIDTH, count - j)
    for (let c: usize = 0; c < width; c++) {
      const to = tile + ((j + c) << 4)
      v128.store(to, f32x4.sub(v128.load(to), v128.load(products + (c << 4))))
    }
    source += BLOCK << 5
  }
}

/**
 * The columns at positions first..end, of state float32 [rows, columns], which lies in the original order; order and
 * groupOf int32 [columns] by position; factor float32 [end - first, columns - first], rows and columns of the upper
 * factor from `first` on. Afterwards these columns of the state hold their codes, and those
 * behind them what is left to quantize. scales float32 and zeros uint8 [rows, groups] are read, and with `findGrids`
 * written for every group that begins here; losses float64 [rows] begin at 0. `first` is a multiple of the block.
 */
export function gptqRows(
  rows: usize,
  columns: usize,
  groups: usize,
  groupSize: usize,
  first: usize,
  end: usize,
  findGrids: i32,
  state: usize,
  factor: usize,
  order: usize,
  groupOf: usize,
  scales: usize,
  zeros: usize,
  losses: usize,
  scratch: usize,
): void {
  const width = columns - first
  const tileBytes = width << 4
  const panel = scratch + (CHUNK / 4) * tileBytes
  const errors = panel + panelBytes(width)
  const params = errors + (CHUNK / 4) * (BLOCK << 4)
  const products = params + 32
  for (let chunk: usize = 0; chunk < rows; chunk += CHUNK) {
    const tiles = (min(CHUNK, rows - chunk) + 3) / 4
    for (let t: usize = 0; t < tiles; t++) {
      loadColumns(state, rows, columns, chunk + t * 4, first, order, scratch + t * tileBytes)
    }
    for (let block = first; block < end; block += BLOCK) {
      const stop = min(block + BLOCK, end)
      const blockFactor = factor + (((block - first) * width) << 2)
      packPanel(blockFactor, width, stop - block, stop - first, width, panel)
      for (let t: usize = 0; t < tiles; t++) {
        const row = chunk + t * 4
        const tile = scratch + t * tileBytes
        const tileErrors = errors + t * (BLOCK << 4)
        if (findGrids) {
          // Every grid that begins in this block is taken from the weights as they are at its start.
          const begin = ((block + groupSize - 1) / groupSize) * groupSize
          for (let p = begin; p < stop; p += groupSize) {
            findGrid(tile + ((p - first) << 4), min(groupSize, columns - p), params)
            const group = load<u32>(groupOf + (p << 2))
            storeGrid(params, row, min(rows - row, 4), group, groups, scales, zeros)
          }
        }
        quantizeBlock(
          rows, groups, row, stop - block, tile + ((block - first) << 4), blockFactor + ((block - first) << 2), width,
          groupOf + (block << 2), scales, zeros, losses, tileErrors, params,
        )
        if (stop < columns) {
          updateBehind(columns - stop, tile + ((stop - first) << 4), tileErrors, stop - block, panel, products)
        }
      }
    }
    for (let t: usize = 0; t < tiles; t++) {
      storeColumns(scratch + t * tileBytes, rows, columns, chunk + t * 4, first, order, state)
    }
  }
}
