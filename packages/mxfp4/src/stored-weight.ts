import { type StoredWeight, storedTensors, type WeightInfo } from '@hfquant/core'
import { BLOCK_SIZE, BLOCKS, SCALES } from './layout.js'

/**
 * Looks at what a checkpoint holds of a weight.
 *
 * @returns false for a weight that is stored in float.
 * @throws CheckpointError TENSOR_MISSING for blocks without scales and the other way round, TENSOR_DUPLICATE for a float
 * weight beside them, TENSOR_MISMATCH, TENSOR_NOT_FINITE for a scale that is not a number.
 */
export async function checkStored(weight: WeightInfo, stored: StoredWeight): Promise<boolean> {
  const { path, outFeatures, inFeatures } = weight
  const nameOf = (key: string) => (weight.stacked ? fileName(path, key) : undefined)
  const tensors = storedTensors(weight, stored, nameOf)
  if (!tensors.has(BLOCKS) && !tensors.has(SCALES)) return false
  for (const key of [BLOCKS, SCALES]) tensors.part(key)
  if (tensors.has('weight')) {
    throw tensors.wrong('TENSOR_DUPLICATE', BLOCKS, `and "${path}.weight" are the same weight`, {
      ...{ found: 'both', expected: 'one of them' },
      hint: 'The checkpoint mixes a float model and a quantized one; take its files from one revision.',
    })
  }
  if (inFeatures % BLOCK_SIZE !== 0) {
    const found = `in rows of ${inFeatures} columns`
    throw tensors.mismatch(BLOCKS, { found, expected: `a multiple of ${BLOCK_SIZE}` })
  }
  const count = inFeatures / BLOCK_SIZE
  tensors.expect(BLOCKS, ['uint8'], [outFeatures, count, BLOCK_SIZE / 2])
  tensors.expect(SCALES, ['uint8'], [outFeatures, count])
  if (tensors.trusted) return true
  const at = (await tensors.read(SCALES)).indexOf(NOT_A_NUMBER)
  if (at < 0) return true
  const expected = `an exponent from 0 to 254 in ${path}`
  throw tensors.damaged('TENSOR_NOT_FINITE', SCALES, { found: NOT_A_NUMBER, at, expected })
}

/** The one exponent that stands for no number. */
const NOT_A_NUMBER = 255

/** "layers.0.mlp.experts.3.down_proj" is a part of "layers.0.mlp.experts.down_proj_blocks". */
const fileName = (path: string, key: string): string => `${path.replace(/\.\d+(\.[^.]+)$/, '$1')}_${key}`
