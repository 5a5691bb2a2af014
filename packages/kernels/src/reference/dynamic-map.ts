/**
 * The signed 8-bit dynamic map of bitsandbytes, 256 ascending values: for each power of ten from 1e-6 to 1 an even
 * division of [0.1, 1] that doubles in fineness, mirrored, with 0 and 1. The lower end is -0.993, not -1.
 *
 * Each step rounds to float32 as the canonical table does; builds of the library differ from it by up to 2 units in
 * the last place.
 */
export const DYNAMIC_MAP: Float32Array = buildDynamicMap()

/** Decision bounds: midpoints of neighbours, float32 [255]. */
export const DYNAMIC_BOUNDS: Float32Array = Float32Array.from({ length: 255 }, (_, i) =>
  Math.fround(0.5 * Math.fround(DYNAMIC_MAP[i]! + DYNAMIC_MAP[i + 1]!)),
)

function buildDynamicMap(): Float32Array {
  const values = [0, 1]
  for (let i = 0; i < 7; i++) {
    const edges = decadeEdges(2 ** i)
    const power = Math.fround(10 ** (i - 6))
    for (let k = 0; k < 2 ** i; k++) {
      const middle = Math.fround(Math.fround(edges[k]! + edges[k + 1]!) / 2)
      const value = Math.fround(power * middle)
      values.push(value, -value)
    }
  }
  return Float32Array.from(values).sort()
}

/** [0.1, 1] in `parts` equal parts, the upper half counted from 1 downwards. */
function decadeEdges(parts: number): number[] {
  const start = Math.fround(0.1)
  const step = Math.fround(Math.fround(1 - start) / parts)
  const half = Math.floor((parts + 1) / 2)
  return Array.from({ length: parts + 1 }, (_, k) =>
    Math.fround(k < half ? step * k + start : 1 - step * (parts - k)),
  )
}
