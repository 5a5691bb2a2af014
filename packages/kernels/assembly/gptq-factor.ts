// Cholesky factor of an inverse, in double precision. With both axes reversed H = L·Lᵀ, and the wanted upper factor U
// (H⁻¹ = Uᵀ·U) is L⁻¹ with both axes reversed again: one factorization and one triangular inverse, no inverse of H.
//
// Only lower triangles are in memory, in bands of 64 rows. The rows of a band have the columns up to its last row, at a
// stride that is even and no power of two; what lies above the diagonal within a band is 0.

/** Rows that are finished together. */
const BAND: usize = 64
/** Columns whose products are added up at once, so that what they touch stays in the cache. */
const DEPTH: usize = 256

/** Bytes of scratch that `gptqFactor` needs. */
export function gptqFactorScratch(size: usize): usize {
  const bands = (size + BAND - 1) / BAND
  return bandStart(bands) + BAND * bandRow(bands - 1) + (size << 2)
}

/** Bytes in front of a band. */
// @ts-ignore: decorator
@inline
function bandStart(band: usize): usize {
  return (BAND * ((BAND * band * (band + 1)) / 2 + 2 * band)) << 3
}

/** Bytes from a row of a band to the next. */
// @ts-ignore: decorator
@inline
function bandRow(band: usize): usize {
  return ((band + 1) * BAND + 2) << 3
}

/** Address of row i of the triangle at a. */
// @ts-ignore: decorator
@inline
function rowAt(a: usize, i: usize): usize {
  const band = i / BAND
  return a + bandStart(band) + (i - band * BAND) * bandRow(band)
}

/** Sum over k in from..end (a multiple of 2 apart from `from`) of left[k] * right[k]. */
// @ts-ignore: decorator
@inline
function dot(left: usize, right: usize, from: usize, end: usize): f64 {
  let sum = f64x2.splat(0)
  let k = from
  for (; k + 1 < end; k += 2) sum = f64x2.add(sum, f64x2.mul(v128.load(left + (k << 3)), v128.load(right + (k << 3))))
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)
  if (k < end) total += load<f64>(left + (k << 3)) * load<f64>(right + (k << 3))
  return total
}

// @ts-ignore: decorator
@inline
function across(pair: v128): f64 {
  return f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1)
}

// @ts-ignore: decorator
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

/** Lower Cholesky factor in place, band of columns after band of columns. Returns 0, or the failing pivot plus 1. */
function cholesky(a: usize, n: usize): i32 {
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

/** to[0..8] += sum over k in 0..count of x[k] * b[k][0..8] for the row x and the next one, both `step` from the next. */
function addProducts(x: usize, to: usize, step: usize, b: usize, stepB: usize, count: usize): void {
  let s0 = v128.load(to)
  let s1 = v128.load(to, 16)
  let s2 = v128.load(to, 32)
  let s3 = v128.load(to, 48)
  let t0 = v128.load(to + step)
  let t1 = v128.load(to + step, 16)
  let t2 = v128.load(to + step, 32)
  let t3 = v128.load(to + step, 48)
  for (let end = x + (count << 3); x < end; x += 8) {
    const u = v128.load64_splat(x)
    const v = v128.load64_splat(x + step)
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    const b2 = v128.load(b, 32)
    const b3 = v128.load(b, 48)
    s0 = f64x2.add(s0, f64x2.mul(u, b0))
    s1 = f64x2.add(s1, f64x2.mul(u, b1))
    s2 = f64x2.add(s2, f64x2.mul(u, b2))
    s3 = f64x2.add(s3, f64x2.mul(u, b3))
    t0 = f64x2.add(t0, f64x2.mul(v, b0))
    t1 = f64x2.add(t1, f64x2.mul(v, b1))
    t2 = f64x2.add(t2, f64x2.mul(v, b2))
    t3 = f64x2.add(t3, f64x2.mul(v, b3))
    b += stepB
  }
  v128.store(to, s0)
  v128.store(to, s1, 16)
  v128.store(to, s2, 32)
  v128.store(to, s3, 48)
  v128.store(to + step, t0)
  v128.store(to + step, t1, 16)
  v128.store(to + step, t2, 32)
  v128.store(to + step, t3, 48)
}

/** Inverse of the lower triangle in place. `spare` has room for the last band. */
function invertLower(a: usize, n: usize, spare: usize): void {
  for (let first: usize = 0; first < n; first += BAND) {
    const rows = min(BAND, n - first)
    const own = rowAt(a, first)
    const step = bandRow(first / BAND)
    // spare = L[first.., 0..first] moves out of the way; its place takes the product with the finished rows.
    for (let i: usize = 0; i < rows; i++) {
      memory.copy(spare + i * step, own + i * step, first << 3)
      memory.fill(own + i * step, 0, first << 3)
    }
    for (let from: usize = 0; from < first; from += BAND) {
      const source = rowAt(a, from)
      const sourceRow = bandRow(from / BAND)
      for (let j: usize = 0; j < from + BAND; j += 8) {
        // Rows above j have nothing in these columns.
        const k = max(from, j)
        const b = source + (k - from) * sourceRow + (j << 3)
        for (let i: usize = 0; i < rows; i += 2) {
          // A last odd row is followed by room for one more.
          addProducts(spare + i * step + (k << 3), own + i * step + (j << 3), step, b, sourceRow, from + BAND - k)
        }
      }
    }
    // Forward substitution with the triangle on the diagonal, which is inverted on the way.
    for (let i: usize = 0; i < rows; i++) {
      const rowI = own + i * step
      const reciprocal = 1 / load<f64>(rowI + ((first + i) << 3))
      for (let k: usize = 0; k < i; k++) {
        const factor = f64x2.splat(load<f64>(rowI + ((first + k) << 3)))
        const rowK = own + k * step
        // Left of the band.
        for (let j: usize = 0; j < first; j += 2) {
          v128.store(rowI + (j << 3), f64x2.add(v128.load(rowI + (j << 3)), f64x2.mul(factor, v128.load(rowK + (j << 3)))))
        }
      }
      const scale = f64x2.splat(-reciprocal)
      for (let j: usize = 0; j < first; j += 2) {
        v128.store(rowI + (j << 3), f64x2.mul(scale, v128.load(rowI + (j << 3))))
      }
      // Within the band: column by column, from the left; row entries right of j are still those of L.
      for (let j: usize = 0; j < i; j++) {
        let sum: f64 = 0
        for (let k = j; k < i; k++) {
          sum += load<f64>(rowI + ((first + k) << 3)) * load<f64>(own + k * step + ((first + j) << 3))
        }
        store<f64>(rowI + ((first + j) << 3), -sum * reciprocal)
      }
      store<f64>(rowI + ((first + i) << 3), reciprocal)
    }
  }
}

/** Writes the address of each row of a lower triangle in panels to `rows`. */
function addressRows(lower: usize, n: usize, panelRows: usize, rows: usize): void {
  let at = lower
  for (let i: usize = 0; i < n; i++) {
    store<u32>(rows + (i << 2), <u32>at)
    at += min((i / panelRows + 1) * panelRows, n) << 2
  }
}

/**
 * hessian float32, the lower triangle of [n, n] in panels; diagonal float32 [n], which counts instead of its own; order
 * int32 [n] -> target float32, the upper U in panels, with (P·H·Pᵀ + damping)⁻¹ = Uᵀ·U. Returns 0, or 1 plus the number
 * of the pivot that was not positive; then target is not written. target may lie where hessian does.
 */
export function gptqFactor(
  n: usize,
  panelRows: usize,
  damping: f64,
  hessian: usize,
  diagonal: usize,
  order: usize,
  target: usize,
  scratch: usize,
): i32 {
  const bands = (n + BAND - 1) / BAND
  const a = scratch
  const spare = a + bandStart(bands)
  const rows = spare + BAND * bandRow(bands - 1)
  addressRows(hessian, n, panelRows, rows)
  for (let i: usize = 0; i < n; i++) {
    const r = <usize>load<u32>(order + ((n - 1 - i) << 2))
    const source = <usize>load<u32>(rows + (r << 2))
    const to = rowAt(a, i)
    for (let j: usize = 0; j < i; j++) {
      const c = <usize>load<u32>(order + ((n - 1 - j) << 2))
      const at = c < r ? source + (c << 2) : <usize>load<u32>(rows + (c << 2)) + (r << 2)
      store<f64>(to + (j << 3), <f64>load<f32>(at))
    }
    store<f64>(to + (i << 3), <f64>load<f32>(diagonal + (r << 2)) + damping)
    memory.fill(to + ((i + 1) << 3), 0, bandRow(i / BAND) - ((i + 1) << 3))
  }
  const failed = cholesky(a, n)
  if (failed) return failed
  for (let i: usize = 0; i < n; i++) {
    memory.fill(rowAt(a, i) + ((i + 1) << 3), 0, bandRow(i / BAND) - ((i + 1) << 3))
  }
  invertLower(a, n, spare)
  let to = target
  for (let i: usize = 0; i < n; i++) {
    const source = rowAt(a, n - 1 - i)
    const left = (i / panelRows) * panelRows
    memory.fill(to, 0, (i - left) << 2)
    to += (i - left) << 2
    for (let j = i; j < n; j++) {
      store<f32>(to, <f32>load<f64>(source + ((n - 1 - j) << 3)))
      to += 4
    }
  }
  return 0
}
