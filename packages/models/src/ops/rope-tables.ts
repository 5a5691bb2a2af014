import type { ConstantTensor } from '@hfquant/core'
import { type Rope, type RopeFrequencies, ropeFrequencies } from '../parts/rope.js'

export type FloatTable = ConstantTensor & { readonly dtype: 'float32' }

/** Cosines and sines of every position and frequency, each [rows, width / 2]. */
export interface RopeTables {
  readonly cos: FloatTable
  readonly sin: FloatTable
}

/** Of a table, made at a time. */
const CHUNK_BYTES = 2 ** 20

/**
 * The table of a rope, in chunks of a megabyte. For longrope it holds the rows of short sequences, `originalMaxPositions`
 * of them, and behind those the rows of long ones: a position of a long sequence is `originalMaxPositions` rows further
 * down. Where no sequence can be long, there are the rows of short ones alone.
 */
export function ropeTables(name: string, rope: Rope, maxPositions: number): RopeTables {
  const { scaling, width } = rope
  const parts =
    scaling.type === 'longrope' && scaling.originalMaxPositions < maxPositions
      ? [
          { angles: ropeFrequencies(rope, false), positions: scaling.originalMaxPositions },
          { angles: ropeFrequencies(rope, true), positions: maxPositions },
        ]
      : [{ angles: ropeFrequencies(rope), positions: maxPositions }]
  const rows = parts.reduce((sum, { positions }) => sum + positions, 0)
  const table = (suffix: string, wave: (angle: number) => number): FloatTable => ({
    name: `${name}.${suffix}`,
    dtype: 'float32',
    shape: [rows, width / 2],
    async *chunks() {
      for (const { angles, positions } of parts) yield* waves(angles, positions, wave)
    },
  })
  return { cos: table('cos', Math.cos), sin: table('sin', Math.sin) }
}

function* waves(
  { frequencies, amplitude }: RopeFrequencies,
  positions: number,
  wave: (angle: number) => number,
): Generator<Uint8Array> {
  const rowBytes = frequencies.length * Float32Array.BYTES_PER_ELEMENT
  const rowsAtOnce = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes))
  for (let first = 0; first < positions; first += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, positions - first)
    const values = new Float32Array(rows * frequencies.length)
    for (let row = 0; row < rows; row++) {
      for (let index = 0; index < frequencies.length; index++) {
        const angle = Math.fround((first + row) * frequencies[index]!)
        values[row * frequencies.length + index] = amplitude * wave(angle)
      }
    }
    yield new Uint8Array(values.buffer)
  }
}
