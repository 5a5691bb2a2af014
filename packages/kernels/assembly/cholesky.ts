import { BAND, bandRow, rowAt } from './triangle-bands'

/** Columns whose products are added up at once, so that what they touch stays in the cache. */
const DEPTH: usize = 256

/** Lower Cholesky factor in place, band of columns after band of columns. Returns 0, or the failing pivot plus 1. */
export function cholesky(a: usize, n: usize): i32 {
  for (let first: usize = 0; first < n; first += BAND) {
    const end = min(first + BAND, n)
    const own = rowAt(a, first)
    const ownRow = bandRow(first / BAND)
    // What the finished columns contribute to this band.
    for (let from: usize = 0; from < first; from += DEPTH) {
      const to = min(from + DEPTH, first)
      let i = first
      for (; i + 1 < n; i += 2) {
        // Two rows of one band: bands are even.
        const x = rowAt(a, i)
        const step = bandRow(i / BAND)
        let j = first
        const last = min(end, i + 2)
        for (; j + 4 <= end && j < last; j += 4) subtractDots(x, step, own + (j - first) * ownRow, ownRow, j, from, to)
        for (; j < last; j++) {
          const y = own + (j - first) * ownRow
          take(x + (j << 3), dot(x, y, from, to))
          take(x + step + (j << 3), dot(x + step, y, from, to))
        }
      }
      if (i < n) {
        const x = rowAt(a, i)
        for (let j = first; j < end; j++) take(x + (j << 3), dot(x, own + (j - first) * ownRow, from, to))
      }
    }
    for (let j = first; j < end; j++) {
      const rowJ = own + (j - first) * ownRow
      const pivot = load<f64>(rowJ + (j << 3)) - dot(rowJ, rowJ, first, j)
      if (!(pivot > 0) || pivot == Infinity) return <i32>j + 1
      const diagonal = sqrt(pivot)
      store<f64>(rowJ + (j << 3), diagonal)
      for (let i = j + 1; i < n; i++) {
        const rowI = rowAt(a, i)
        store<f64>(rowI + (j << 3), (load<f64>(rowI + (j << 3)) - dot(rowI, rowJ, first, j)) / diagonal)
      }
    }
  }
  return 0
}

/** Sum over k in from..end (a multiple of 2 apart from `from`) of left[k] * right[k]. */
@inline
function dot(left: usize, right: usize, from: usize, end: usize): f64 {
  let sum = f64x2.splat(0)
  let k = from
  for (; k + 1 < end; k += 2) sum = f64x2.add(sum, f64x2.mul(v128.load(left + (k << 3)), v128.load(right + (k << 3))))
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)
  if (k < end) total += load<f64>(left + (k << 3)) * load<f64>(right + (k << 3))
  return total
}

@inline
function across(pair: v128): f64 {
  return f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1)
}

@inline
function take(pointer: usize, value: f64): void {
  store<f64>(pointer, load<f64>(pointer) - value)
}

/**
 * x[j + c] -= sum over k in from..end of x[k] * y[c][k] for the row x and the next one, `stepX` behind, and four rows y,
 * `stepY` from each other; `end - from` is even.
 */
function subtractDots(x: usize, stepX: usize, y: usize, stepY: usize, j: usize, from: usize, end: usize): void {
  const u0 = x + (from << 3)
  const v0 = u0 + stepX
  const p = y + (from << 3)
  let s0 = f64x2.splat(0)
  let s1 = f64x2.splat(0)
  let s2 = f64x2.splat(0)
  let s3 = f64x2.splat(0)
  let t0 = f64x2.splat(0)
  let t1 = f64x2.splat(0)
  let t2 = f64x2.splat(0)
  let t3 = f64x2.splat(0)
  const count = (end - from) << 3
  for (let at: usize = 0; at < count; at += 16) {
    const u = v128.load(u0 + at)
    const v = v128.load(v0 + at)
    const q = p + at
    let b = v128.load(q)
    s0 = f64x2.add(s0, f64x2.mul(u, b))
    t0 = f64x2.add(t0, f64x2.mul(v, b))
    b = v128.load(q + stepY)
    s1 = f64x2.add(s1, f64x2.mul(u, b))
    t1 = f64x2.add(t1, f64x2.mul(v, b))
    b = v128.load(q + 2 * stepY)
    s2 = f64x2.add(s2, f64x2.mul(u, b))
    t2 = f64x2.add(t2, f64x2.mul(v, b))
    b = v128.load(q + 3 * stepY)
    s3 = f64x2.add(s3, f64x2.mul(u, b))
    t3 = f64x2.add(t3, f64x2.mul(v, b))
  }
  const target = x + (j << 3)
  take(target, across(s0))
  take(target + 8, across(s1))
  take(target + 16, across(s2))
  take(target + 24, across(s3))
  take(target + stepX, across(t0))
  take(target + stepX + 8, across(t1))
  take(target + stepX + 16, across(t2))
  take(target + stepX + 24, across(t3))
}
