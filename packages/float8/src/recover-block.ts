import type { CheckpointHeaders } from '@hfquant/core'

/** Sizes that are in use, the usual one first. */
const SIZES = [128, 64, 32, 256, 16]

/**
 * The `weight_block_size` of a checkpoint whose config.json lost it: the size of square blocks that fits all of its grids, null
 * for one scale a weight; undefined when no weight has a scale.
 */
export function recoverBlock({ tensors }: CheckpointHeaders): readonly number[] | null | undefined {
  const pairs = [...tensors].flatMap(([name, { shape }]) => {
    const weight = name.endsWith(SUFFIX) ? tensors.get(name.slice(0, -SUFFIX.length)) : undefined
    return weight === undefined ? [] : [{ grid: shape, weight: weight.shape }]
  })
  if (pairs.length === 0) return undefined
  const grids = pairs.filter(({ grid }) => grid.length === 2)
  if (grids.length === 0) return null
  const fits = (size: number) =>
    grids.every(({ grid, weight }) => grid.every((count, axis) => count === Math.ceil(weight[axis]! / size)))
  const size = SIZES.find(fits) ?? SIZES[0]!
  return [size, size]
}

const SUFFIX = '_scale_inv'
