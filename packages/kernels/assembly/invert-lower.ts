import { BAND, bandRow, rowAt } from './triangle-bands'

/** Inverse of the lower triangle in place. `spare` has room for the last band. */
export function invertLower(a: usize, n: usize, spare: usize): void {
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
