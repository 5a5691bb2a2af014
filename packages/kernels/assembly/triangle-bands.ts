// How a lower triangle of double precision lies in memory: in bands of 64 rows. The rows of a band have the columns up to
// its last row, at a stride that is even and no power of two; what lies above the diagonal within a band is 0.

/** Rows that are finished together. */
export const BAND: usize = 64

/** Bytes in front of a band. */
@inline
export function bandStart(band: usize): usize {
  return (BAND * ((BAND * band * (band + 1)) / 2 + 2 * band)) << 3
}

/** Bytes from a row of a band to the next. */
@inline
export function bandRow(band: usize): usize {
  return ((band + 1) * BAND + 2) << 3
}

/** Address of row i of the triangle at a. */
@inline
export function rowAt(a: usize, i: usize): usize {
  const band = i / BAND
  return a + bandStart(band) + (i - band * BAND) * bandRow(band)
}
