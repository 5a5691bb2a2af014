import fc from 'fast-check'
import type { GptqGridParams } from './reference/gptq-grid.js'
import type { TrianglePanel } from './reference/gptq-triangle.js'

export const bytesOf = (values: Float32Array | Int32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** Smooth numbers of both signs from a seed: weights, and factors that are well away from 0 on the diagonal. */
export const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 1.7) * (1 + ((seed + i) % 5)))

/** The stored part of a square matrix. */
export function packed(dense: Float32Array, panels: readonly TrianglePanel[]): Float32Array {
  const size = Math.sqrt(dense.length)
  const rows = panels.flatMap(({ first, end, left, width }) =>
    Array.from({ length: end - first }, (_, i) => {
      const at = (first + i) * size + left
      return dense.subarray(at, at + width)
    }),
  )
  return Float32Array.from(rows.flatMap((row) => [...row]))
}

/** The square matrix with zeros for what is not stored. */
export function unpacked(stored: Float32Array, panels: readonly TrianglePanel[]): Float32Array {
  const size = panels.at(-1)!.end
  const dense = new Float32Array(size * size)
  for (const { first, end, left, width, offset } of panels) {
    for (let row = first; row < end; row++) {
      const at = offset + (row - first) * width
      dense.set(stored.subarray(at, at + width), row * size + left)
    }
  }
  return dense
}

export function upperFactor(size: number, seed: number): Float32Array {
  const factor = numbers(size * size, seed).map((value) => value * 0.1)
  for (let i = 0; i < size; i++) {
    factor.fill(0, i * size, i * size + i)
    factor[i * size + i] = 1 + Math.abs(factor[i * size + i]!)
  }
  return factor
}

/** A permutation of 0..count-1. */
export function permutation(count: number, seed: number): Int32Array {
  const keys = numbers(count, seed)
  return Int32Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]! || a - b)
}

/** H = XᵀX / rows, float32. */
export function hessianOf(size: number, rows: number, seed: number): Float32Array {
  const x = Float64Array.from({ length: rows * size }, (_, i) => Math.sin(seed + i * i * 0.37))
  const h = new Float32Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0
      for (let t = 0; t < rows; t++) sum += x[t * size + i]! * x[t * size + j]!
      h[i * size + j] = sum / rows
    }
  }
  return h
}

export const bits = fc.constantFrom(2, 3, 4, 8)
export const seed = fc.integer({ min: 0, max: 1000 })
export const grid: fc.Arbitrary<GptqGridParams> = fc.record({
  bits,
  symmetric: fc.boolean(),
  oneSided: fc.boolean(),
  minimumZero: fc.constantFrom(0, 1),
  searchExponent: fc.constant(0),
  roundScales: fc.boolean(),
})
