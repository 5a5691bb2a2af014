// Cholesky factor of an inverse, in double precision. With both axes reversed H = L·Lᵀ, and the wanted upper factor U
// (H⁻¹ = Uᵀ·U) is L⁻¹ with both axes reversed again: one factorization and one triangular inverse, no inverse of H.

/** Rows that are finished together. */
const BAND: usize = 64
/** Columns whose products are added up at once, so that what they touch stays in the cache. */
const DEPTH: usize = 256

/** Bytes of scratch that `gptqFactor` needs. */
export function gptqFactorScratch(size: usize): usize {
  return stride(size) * (size + BAND) * 8
}

/** Rows begin at even columns, and not at a power of two from each other. */
// @ts-ignore: decorator
@inline
function stride(size: usize): usize {
  return ((size + 1) & ~1) + 2
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

/** a[i, j] -= sum over k in from..end of a[i, k] * a[j, k] for two rows i and four rows j; `end - from` is even. */
function subtractDots(a: usize, row: usize, i: usize, j: usize, from: usize, end: usize): void {
  let x = a + i * row + (from << 3)
  const y = x + row
  let p = a + j * row + (from << 3)
  const step = row
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
    const u = v128.load(x + at)
    const v = v128.load(y + at)
    const q = p + at
    let b = v128.load(q)
    s0 = f64x2.add(s0, f64x2.mul(u, b))
    t0 = f64x2.add(t0, f64x2.mul(v, b))
    b = v128.load(q + step)
    s1 = f64x2.add(s1, f64x2.mul(u, b))
    t1 = f64x2.add(t1, f64x2.mul(v, b))
    b = v128.load(q + 2 * step)
    s2 = f64x2.add(s2, f64x2.mul(u, b))
    t2 = f64x2.add(t2, f64x2.mul(v, b))
    b = v128.load(q + 3 * step)
    s3 = f64x2.add(s3, f64x2.mul(u, b))
    t3 = f64x2.add(t3, f64x2.mul(v, b))
  }
  const target = a + i * row + (j << 3)
  take(target, across(s0))
  take(target + 8, across(s1))
  take(target + 16, across(s2))
  take(target + 24, across(s3))
  take(target + row, across(t0))
  take(target + row + 8, across(t1))
  take(target + row + 16, across(t2))
  take(target + row + 24, across(t3))
}

/** Lower Cholesky factor in place, band of columns after band of columns. Returns 0, or the failing pivot plus 1. */
function cholesky(a: usize, n: usize, row: usize): i32 {
  for (let first: usize = 0; first < n; first += BAND) {
    const end = min(first + BAND, n)
    // What the finished columns contribute to this band.
    for (let from: usize = 0; from < first; from += DEPTH) {
      const to = min(from + DEPTH, first)
      let i = first
      for (; i + 1 < n; i += 2) {
        let j = first
        const last = min(end, i + 2)
        for (; j + 4 <= end && j < last; j += 4) subtractDots(a, row, i, j, from, to)
        for (; j < last; j++) {
          take(a + i * row + (j << 3), dot(a + i * row, a + j * row, from, to))
          take(a + (i + 1) * row + (j << 3), dot(a + (i + 1) * row, a + j * row, from, to))
        }
      }
      if (i < n) for (let j = first; j < end; j++) take(a + i * row + (j << 3), dot(a + i * row, a + j * row, from, to))
    }
    for (let j = first; j < end; j++) {
      const rowJ = a + j * row
      const pivot = load<f64>(rowJ + (j << 3)) - dot(rowJ, rowJ, first, j)
      if (!(pivot > 0) || pivot == Infinity) return <i32>j + 1
      const diagonal = sqrt(pivot)
      store<f64>(rowJ + (j << 3), diagonal)
      for (let i = j + 1; i < n; i++) {
        const at = a + i * row + (j << 3)
        store<f64>(at, (load<f64>(at) - dot(a + i * row, rowJ, first, j)) / diagonal)
      }
    }
  }
  return 0
}

/** target[i, j..j+8] += sum over k in from..end of left[i, k] * a[k, j..j+8] for two rows i. */
function addProducts(left: usize, a: usize, row: usize, i: usize, j: usize, from: usize, end: usize, target: usize): void {
  const to = target + i * row + (j << 3)
  let s0 = v128.load(to)
  let s1 = v128.load(to, 16)
  let s2 = v128.load(to, 32)
  let s3 = v128.load(to, 48)
  let t0 = v128.load(to + row)
  let t1 = v128.load(to + row, 16)
  let t2 = v128.load(to + row, 32)
  let t3 = v128.load(to + row, 48)
  const x = left + i * row
  let b = a + from * row + (j << 3)
  for (let k = from; k < end; k++) {
    const u = v128.load64_splat(x + (k << 3))
    const v = v128.load64_splat(x + row + (k << 3))
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
    b += row
  }
  v128.store(to, s0)
  v128.store(to, s1, 16)
  v128.store(to, s2, 32)
  v128.store(to, s3, 48)
  v128.store(to + row, t0)
  v128.store(to + row, t1, 16)
  v128.store(to + row, t2, 32)
  v128.store(to + row, t3, 48)
}

/** Inverse of the lower triangle in place; what lies above it must be 0. `band` has room for BAND rows. */
function invertLower(a: usize, n: usize, row: usize, band: usize): void {
  for (let first: usize = 0; first < n; first += BAND) {
    const end = min(first + BAND, n)
    const rows = end - first
    // band = L[first..end, 0..first] moves out of the way; its place takes the product with the finished rows.
    for (let i: usize = 0; i < rows; i++) {
      memory.copy(band + i * row, a + (first + i) * row, first << 3)
      memory.fill(a + (first + i) * row, 0, first << 3)
    }
    const target = a + first * row
    for (let from: usize = 0; from < first; from += DEPTH) {
      const to = min(from + DEPTH, first)
      // Columns beyond `to` are 0 in rows up to `to`. Bands are whole there, so 8 divides `to`.
      for (let j: usize = 0; j < to; j += 8) {
        let i: usize = 0
        for (; i + 1 < rows; i += 2) addProducts(band, a, row, i, j, from, to, target)
        for (; i < rows; i++) {
          for (let c = j; c < j + 8; c++) {
            let sum = load<f64>(target + i * row + (c << 3))
            for (let k = from; k < to; k++) sum += load<f64>(band + i * row + (k << 3)) * load<f64>(a + k * row + (c << 3))
            store<f64>(target + i * row + (c << 3), sum)
          }
        }
      }
    }
    // Forward substitution with the triangle on the diagonal, which is inverted on the way.
    for (let i = first; i < end; i++) {
      const rowI = a + i * row
      const reciprocal = 1 / load<f64>(rowI + (i << 3))
      for (let k = first; k < i; k++) {
        const factor = f64x2.splat(load<f64>(rowI + (k << 3)))
        const rowK = a + k * row
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
      for (let j = first; j < i; j++) {
        let sum: f64 = 0
        for (let k = j; k < i; k++) sum += load<f64>(rowI + (k << 3)) * load<f64>(a + k * row + (j << 3))
        store<f64>(rowI + (j << 3), -sum * reciprocal)
      }
      store<f64>(rowI + (i << 3), reciprocal)
    }
  }
}

/**
 * hessian float32 [n, n], symmetric; order int32 [n] -> target float32 [n, n], the upper U with (P·H·Pᵀ + damping)⁻¹ =
 * Uᵀ·U. Returns 0, or 1 plus the number of the pivot that was not positive; then target is not written.
 */
export function gptqFactor(n: usize, damping: f64, hessian: usize, order: usize, target: usize, scratch: usize): i32 {
  const row = stride(n) << 3
  const a = scratch
  for (let i: usize = 0; i < n; i++) {
    const source = hessian + ((<usize>load<u32>(order + ((n - 1 - i) << 2)) * n) << 2)
    const to = a + i * row
    for (let j: usize = 0; j <= i; j++) {
      store<f64>(to + (j << 3), <f64>load<f32>(source + (<usize>load<u32>(order + ((n - 1 - j) << 2)) << 2)))
    }
    memory.fill(to + ((i + 1) << 3), 0, row - ((i + 1) << 3))
    store<f64>(to + (i << 3), load<f64>(to + (i << 3)) + damping)
  }
  const failed = cholesky(a, n, row)
  if (failed) return failed
  for (let i: usize = 0; i < n; i++) memory.fill(a + i * row + ((i + 1) << 3), 0, row - ((i + 1) << 3))
  invertLower(a, n, row, a + n * row)
  for (let i: usize = 0; i < n; i++) {
    const source = a + (n - 1 - i) * row
    const to = target + ((i * n) << 2)
    memory.fill(to, 0, i << 2)
    for (let j = i; j < n; j++) store<f32>(to + (j << 2), <f32>load<f64>(source + ((n - 1 - j) << 3)))
  }
  return 0
}
