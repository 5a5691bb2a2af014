import type { GgufFile, GgufTensor } from '@hfquant/gguf'
import type { GgufPlace } from '@hfquant/models'

/** Rows of a tensor of the file: all of them, or those of one of the equal matrices that are stacked in it. */
export interface StoredRows {
  readonly file: GgufFile
  readonly tensor: GgufTensor
  readonly share?: readonly [index: number, of: number]
}

/** Of one matrix or vector of a stack. */
export const shapeOf = ({ tensor, share }: StoredRows): readonly number[] =>
  share === undefined ? tensor.shape : tensor.shape.slice(1)

/** How rows of some tensors make the rows of a parameter, in groups of one pattern. */
export interface Weave {
  /** Rows that each tensor gives to a group. */
  readonly sizes: readonly number[]
  /** For each row of a group: its tensor, and its place among the rows that the tensor gives. */
  readonly order: readonly (readonly [from: number, row: number])[]
}

/**
 * The way back from where `places` say that rows of a parameter go; undefined for rows that are where they belong.
 *
 * @param places of each of the tensors that hold the parameter.
 * @throws TypeError for an order that no family whose files are read has.
 */
export function weaveOf(places: readonly GgufPlace[]): Weave | undefined {
  const [{ rotaryHeadSize, rows }] = places as [GgufPlace, ...GgufPlace[]]
  if (rotaryHeadSize !== undefined) return turnedHalves(rotaryHeadSize)
  if (rows === undefined) return undefined
  const parts = places.map((place) => place.rows?.part)
  if (rows.matrices !== undefined || parts.length !== rows.sizes.length || parts.includes(undefined)) {
    throw new TypeError(`rows of ${places.map(({ name }) => name).join(' and ')} have no way back`)
  }
  return {
    sizes: parts.map((part) => rows.sizes[part!]!),
    order: rows.sizes.flatMap((size, part) =>
      Array.from({ length: size }, (_, row) => [parts.indexOf(part), row] as const),
    ),
  }
}

/** llama.cpp has the two rows that turn together next to each other, checkpoints have them half a head apart. */
function turnedHalves(headSize: number): Weave {
  const half = headSize / 2
  return {
    sizes: [headSize],
    order: Array.from(
      { length: headSize },
      (_, row) => [0, 2 * (row % half) + Math.floor(row / half)] as const,
    ),
  }
}
