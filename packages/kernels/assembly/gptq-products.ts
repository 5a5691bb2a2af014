// Products of rows of weights with a matrix, as the column loop of GPTQ and the energy of a weight need them. Four rows
// are handled together: a tile is [columns, 4] float32 with one row to a lane.

/** Columns of a tile that are multiplied at once; also those whose updates GPTQ collects. */
export const BLOCK: usize = 128
/** Rows that share one pass over a matrix. */
export const CHUNK: usize = 64
/** Columns of the matrix that are multiplied together. */
export const WIDTH: usize = 8

/** Bytes that `packPanel` fills, for a matrix of `columns` columns. */
export function panelBytes(columns: usize): usize {
  return BLOCK * (columns + WIDTH) * 4
}

/** `count` rows of matrix [.., stride], columns from `from` to `end` -> panel [tiles of 8 columns, BLOCK, 8]. */
export function packPanel(matrix: usize, stride: usize, count: usize, from: usize, end: usize, panel: usize): void {
  let target = panel
  for (let j = from; j < end; j += WIDTH) {
    const width = min(WIDTH, end - j)
    for (let i: usize = 0; i < count; i++) {
      const source = matrix + ((i * stride + j) << 2)
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

/** target[0..8] = sum over i of left[i] * panel[i][0..8], every one for four rows. */
export function multiply(left: usize, count: usize, panel: usize, target: usize): void {
  let a = f32x4.splat(0)
  let b = f32x4.splat(0)
  let c = f32x4.splat(0)
  let d = f32x4.splat(0)
  let e = f32x4.splat(0)
  let f = f32x4.splat(0)
  let g = f32x4.splat(0)
  let h = f32x4.splat(0)
  for (let i: usize = 0; i < count; i++) {
    const value = v128.load(left + (i << 4))
    const at = panel + (i << 5)
    a = f32x4.add(a, f32x4.mul(value, v128.load32_splat(at)))
    b = f32x4.add(b, f32x4.mul(value, v128.load32_splat(at, 4)))
    c = f32x4.add(c, f32x4.mul(value, v128.load32_splat(at, 8)))
    d = f32x4.add(d, f32x4.mul(value, v128.load32_splat(at, 12)))
    e = f32x4.add(e, f32x4.mul(value, v128.load32_splat(at, 16)))
    f = f32x4.add(f, f32x4.mul(value, v128.load32_splat(at, 20)))
    g = f32x4.add(g, f32x4.mul(value, v128.load32_splat(at, 24)))
    h = f32x4.add(h, f32x4.mul(value, v128.load32_splat(at, 28)))
  }
  v128.store(target, a)
  v128.store(target, b, 16)
  v128.store(target, c, 32)
  v128.store(target, d, 48)
  v128.store(target, e, 64)
  v128.store(target, f, 80)
  v128.store(target, g, 96)
  v128.store(target, h, 112)
}

/** Adds four lanes to values [rows] from `row` on; lanes beyond the last row are left out. */
@inline
export function addLanes(values: usize, rows: usize, row: usize, low: v128, high: v128): void {
  addLane(values, rows, row, f64x2.extract_lane(low, 0))
  addLane(values, rows, row + 1, f64x2.extract_lane(low, 1))
  addLane(values, rows, row + 2, f64x2.extract_lane(high, 0))
  addLane(values, rows, row + 3, f64x2.extract_lane(high, 1))
}

@inline
function addLane(values: usize, rows: usize, row: usize, value: f64): void {
  if (row < rows) store<f64>(values + (row << 3), load<f64>(values + (row << 3)) + value)
}
