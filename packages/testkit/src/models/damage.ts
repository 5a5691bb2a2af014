import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type SafetensorsDtype, type TensorWithData, writeSafetensors } from '@hfquant/safetensors'
import { readCheckpoint } from './read-checkpoint.js'

/** What can be wrong with one tensor of a checkpoint whose file is sound. */
export type Damage =
  /** The tensor is not there. */
  | 'missing'
  /** One more row than there should be. */
  | 'longer'
  /** The same bytes under another shape: transposed, or a vector as a matrix. */
  | 'reshaped'
  /** The same bytes under another dtype of the same size. */
  | 'other dtype'

/**
 * Copies a checkpoint of one file, with one tensor damaged.
 *
 * @param to a folder that does not exist yet.
 * @returns `to`.
 * @throws TypeError when the checkpoint has no such tensor.
 */
export async function damageCheckpoint(
  from: string,
  to: string,
  tensor: string,
  damage: Damage,
): Promise<string> {
  await cp(from, to, { recursive: true })
  const { tensors, metadata } = await readCheckpoint(from)
  const found = tensors.find(({ name }) => name === tensor)
  if (found === undefined) throw new TypeError(`${from} has no tensor ${tensor}`)
  const kept = tensors.filter((other) => other !== found)
  for (const name of await readdir(to))
    if (/^model.*\.safetensors(\.index\.json)?$/.test(name)) await rm(join(to, name))
  await writeSafetensors(join(to, 'model.safetensors'), [...kept, ...damaged(found, damage)], { metadata })
  return to
}

function damaged(tensor: TensorWithData, damage: Damage): TensorWithData[] {
  const { shape, data, dtype } = tensor
  if (damage === 'missing') return []
  if (damage === 'other dtype') return [{ ...tensor, dtype: TWINS[dtype] ?? dtype }]
  if (damage === 'reshaped') return [{ ...tensor, shape: otherShape(shape) }]
  const [rows = 1, ...rest] = shape
  const longer = Buffer.concat([data, data.subarray(0, data.byteLength / rows)])
  return [{ ...tensor, shape: [rows + 1, ...rest], data: longer }]
}

/** Transposed, or with one more dimension where that would change nothing. */
function otherShape(shape: readonly number[]): readonly number[] {
  const turned = [...shape].reverse()
  return turned.every((size, axis) => size === shape[axis]) ? [...shape, 1] : turned
}

/** Dtypes of equal size; neither is cast to the other while reading. */
const TWINS: Partial<Record<SafetensorsDtype, SafetensorsDtype>> = {
  U8: 'I8',
  I8: 'U8',
  I32: 'F32',
  F32: 'I32',
  F16: 'I16',
  BF16: 'I16',
  I64: 'F64',
}
