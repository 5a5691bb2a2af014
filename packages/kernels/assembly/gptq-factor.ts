// Cholesky factor of an inverse, in double precision. With both axes reversed H = L·Lᵀ, and the wanted upper factor U
// (H⁻¹ = Uᵀ·U) is L⁻¹ with both axes reversed again: one factorization and one triangular inverse, no inverse of H.
import { cholesky } from './cholesky'
import { invertLower } from './invert-lower'
import { BAND, bandRow, bandStart, rowAt } from './triangle-bands'

/** Bytes of scratch that `gptqFactor` needs. */
export function gptqFactorScratch(size: usize): usize {
  const bands = (size + BAND - 1) / BAND
  return bandStart(bands) + BAND * bandRow(bands - 1) + (size << 2)
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

/** Writes the address of each row of a lower triangle in panels to `rows`. */
function addressRows(lower: usize, n: usize, panelRows: usize, rows: usize): void {
  let at = lower
  for (let i: usize = 0; i < n; i++) {
    store<u32>(rows + (i << 2), <u32>at)
    at += min((i / panelRows + 1) * panelRows, n) << 2
  }
}
