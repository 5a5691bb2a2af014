import type { GgufPlace, GgufRows } from '@hfquant/models'
import { type FloatWeight, inGroups, rowBytes } from '../float-weight.js'

/** A weight as it goes to a place. */
export interface ArrangedWeight {
  /** Of its rows those that go there, in their order; [rows, columns]. */
  readonly weight: FloatWeight
  /** The same numbers along the axes of the file, slowest first. */
  readonly shape: readonly number[]
}

/** Chooses and orders rows while they are read: no more than a group of them is held. */
export function arrangeWeight(
  weight: FloatWeight,
  { rotaryHeadSize, rows }: Pick<GgufPlace, 'rotaryHeadSize' | 'rows'>,
): ArrangedWeight {
  if (rotaryHeadSize !== undefined) return asItStands(interleaved(weight, rotaryHeadSize))
  if (rows === undefined) return asItStands(weight)
  const { part, matrices } = rows
  if (part === undefined) return asItStands(inParts(weight, rows))
  const own = partOf(weight, rows, part)
  if (matrices === undefined) return asItStands(own)
  const [size, columns] = [rows.sizes[part]!, own.shape[1]!]
  const groups = own.shape[0]! / size
  if (matrices === 'plain') return { weight: own, shape: [groups, size, columns] }
  return { weight: transposed(own, size), shape: [groups, columns, size] }
}

const asItStands = (weight: FloatWeight): ArrangedWeight => ({ weight, shape: weight.shape })

/** The rows of one part of every group. */
function partOf(weight: FloatWeight, { sizes }: GgufRows, part: number): FloatWeight {
  const sum = (own: readonly number[]) => own.reduce((total, size) => total + size, 0)
  const [perGroup, first, size] = [sum(sizes), sum(sizes.slice(0, part)), sizes[part]!]
  const [rows = 0, ...rest] = weight.shape
  const bytes = rowBytes(weight)
  return {
    ...weight,
    shape: [(rows / perGroup) * size, ...rest],
    async *chunks() {
      let row = 0
      for await (const chunk of inGroups(weight.chunks(), bytes)) {
        const count = chunk.byteLength / bytes
        const out = new Uint8Array(chunk.byteLength)
        let length = 0
        for (let at = 0; at < count; ) {
          const within = (row + at) % perGroup
          const isOwn = within >= first && within < first + size
          // As many rows as are alike.
          const end = isOwn ? first + size : within < first ? first : perGroup
          const run = Math.min(end - within, count - at)
          if (isOwn) {
            out.set(chunk.subarray(at * bytes, (at + run) * bytes), length)
            length += run * bytes
          }
          at += run
        }
        row += count
        if (length > 0) yield out.subarray(0, length)
      }
    },
  }
}

/** All parts, each from every group before the next one; the weight is read once for each. */
function inParts(weight: FloatWeight, rows: GgufRows): FloatWeight {
  return {
    ...weight,
    async *chunks() {
      for (const part of rows.sizes.keys()) yield* partOf(weight, rows, part).chunks()
    },
  }
}

/**
 * Rows of heads [heads, 2, headSize / 2] as [heads, headSize / 2, 2]: checkpoints rotate row i with row i + headSize / 2,
 * llama.cpp's "llama" rotates neighbours.
 */
function interleaved(weight: FloatWeight, headSize: number): FloatWeight {
  const bytes = rowBytes(weight)
  const half = headSize / 2
  return {
    ...weight,
    async *chunks() {
      for await (const rows of inGroups(weight.chunks(), bytes * headSize)) {
        const out = new Uint8Array(rows.byteLength)
        for (let row = 0; row * bytes < rows.byteLength; row++) {
          const within = row % headSize
          const target = row - within + 2 * (within % half) + Math.floor(within / half)
          out.set(rows.subarray(row * bytes, (row + 1) * bytes), target * bytes)
        }
        yield out
      }
    },
  }
}

/** Groups of rows [rows / size, size, columns] as [rows / size, columns, size]. */
function transposed(weight: FloatWeight, size: number): FloatWeight {
  const [rows, columns] = weight.shape as [number, number]
  const bytes = rowBytes(weight)
  const width = bytes / columns
  return {
    ...weight,
    shape: [(rows / size) * columns, size],
    async *chunks() {
      for await (const groups of inGroups(weight.chunks(), bytes * size)) {
        const out = new Uint8Array(groups.byteLength)
        for (let start = 0; start < groups.byteLength; start += bytes * size) {
          for (let row = 0; row < size; row++) {
            for (let column = 0; column < columns; column++) {
              const from = start + row * bytes + column * width
              out.set(groups.subarray(from, from + width), start + (column * size + row) * width)
            }
          }
        }
        yield out
      }
    },
  }
}
