import { CheckpointError, type StoredTensor, type StoredWeight, type WeightInfo } from '@hfquant/core'
import { BLOCK_SIZE, BLOCKS, SCALES } from './layout.js'

/**
 * Looks at what a checkpoint holds of a weight.
 *
 * @returns false for a weight that is stored in float.
 * @throws CheckpointError TENSOR_MISSING for blocks without scales and the other way round, TENSOR_DUPLICATE for a float
 * weight beside them, TENSOR_MISMATCH, TENSOR_NOT_FINITE for a scale that is not a number.
 */
export async function checkStored(
  { path, outFeatures, inFeatures }: WeightInfo,
  stored: StoredWeight,
): Promise<boolean> {
  const [blocks, scales, float] = [BLOCKS, SCALES, 'weight'].map((key) => stored.tensors.get(key))
  if (blocks === undefined && scales === undefined) return false
  if (blocks === undefined || scales === undefined) throw missing(path, blocks === undefined, stored)
  const names = { blocks: fileName(path, BLOCKS), scales: fileName(path, SCALES) }
  if (float !== undefined) throw duplicate(names.blocks, fileName(path, ''), blocks)
  if (inFeatures % BLOCK_SIZE !== 0) throw indivisible(names.blocks, inFeatures, blocks)
  const count = inFeatures / BLOCK_SIZE
  expectShape(names.blocks, blocks, [outFeatures, count, BLOCK_SIZE / 2])
  expectShape(names.scales, scales, [outFeatures, count])
  if (stored.trusted) return true
  const at = (await stored.read(SCALES)).indexOf(NOT_A_NUMBER)
  if (at >= 0) throw notFinite(path, names.scales, at, scales)
  return true
}

/** The one exponent that stands for no number. */
const NOT_A_NUMBER = 255

/** "layers.0.mlp.experts.3.down_proj" is a part of "layers.0.mlp.experts.down_proj_blocks". */
const fileName = (path: string, key: string): string =>
  path.replace(/\.\d+(\.[^.]+)$/, '$1') + (key === '' ? '' : `_${key}`)

const within = ({ file }: StoredTensor): string => (file === undefined ? '' : ` in ${file}`)

function expectShape(tensor: string, part: StoredTensor, shape: readonly number[]): void {
  if (part.dtype === 'uint8' && `${part.shape}` === `${shape}`) return
  const [found, expected] = [`${part.dtype} [${part.shape.join(', ')}]`, `uint8 [${shape.join(', ')}]`]
  throw new CheckpointError(
    'TENSOR_MISMATCH',
    `an expert of "${tensor}"${within(part)} is ${found}, expected ${expected}`,
    {
      ...{ tensor, file: part.file, found, expected },
      hint: 'config.json and the weights describe different models; take both from the same revision.',
    },
  )
}

function missing(path: string, isBlocks: boolean, { files = [] }: StoredWeight): CheckpointError {
  const [tensor, other] = [BLOCKS, SCALES].map((key) => fileName(path, key))
  const [lost, found] = isBlocks ? [tensor, other] : [other, tensor]
  return new CheckpointError(
    'TENSOR_MISSING',
    `"${lost}" has no part for ${path} in the checkpoint's files (${files.join(', ')}), "${found}" has one`,
    { tensor: lost, hint: 'The download may be incomplete.' },
  )
}

const duplicate = (tensor: string, float: string, { file }: StoredTensor): CheckpointError =>
  new CheckpointError('TENSOR_DUPLICATE', `"${float}" and "${tensor}" are the same weight`, {
    tensor,
    file,
    hint: 'The checkpoint mixes a float model and a quantized one; take its files from one revision.',
  })

const indivisible = (tensor: string, inFeatures: number, part: StoredTensor): CheckpointError =>
  new CheckpointError(
    'TENSOR_MISMATCH',
    `"${tensor}"${within(part)} holds rows of ${inFeatures} columns, expected a multiple of ${BLOCK_SIZE}`,
    {
      ...{ tensor, file: part.file, found: inFeatures, expected: `a multiple of ${BLOCK_SIZE}` },
      hint: 'config.json describes another model; take it from the revision of the weights.',
    },
  )

const notFinite = (path: string, tensor: string, at: number, part: StoredTensor): CheckpointError =>
  new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${tensor}"${within(part)} holds ${NOT_A_NUMBER} (not a number) at element ${at} of ${path}`,
    {
      ...{ tensor, file: part.file, found: NOT_A_NUMBER, expected: 'an exponent from 0 to 254' },
      hint: 'The file is damaged; download it again.',
    },
  )
