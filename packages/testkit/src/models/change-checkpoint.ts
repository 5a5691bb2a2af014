import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readTensorFile, type StoredTensor, writeTensorFile } from './tensor-file.js'

/** Changes the tensors of a checkpoint, by name, and its config.json. */
export type CheckpointChange = (tensors: Map<string, StoredTensor>, config: Record<string, unknown>) => void

/**
 * Writes the tensors and the configuration of a checkpoint of one file as `change` leaves them, and no other file.
 *
 * @param to a folder that does not exist yet.
 * @returns `to`.
 */
export async function changeCheckpoint(from: string, to: string, change: CheckpointChange): Promise<string> {
  const { tensors, metadata } = await readTensorFile(join(from, 'model.safetensors'))
  const config = JSON.parse(await readFile(join(from, 'config.json'), 'utf8')) as Record<string, unknown>
  change(tensors, config)
  await mkdir(to)
  await writeFile(join(to, 'config.json'), JSON.stringify(config))
  await writeTensorFile(join(to, 'model.safetensors'), { tensors, metadata })
  return to
}
