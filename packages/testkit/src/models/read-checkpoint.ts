import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openSafetensorsCheckpoint, type TensorWithData } from '@hfquant/safetensors'

/** Every tensor of a folder's safetensors files, as it is stored, and the merged metadata of their headers. */
export async function readCheckpoint(folder: string): Promise<{
  readonly tensors: readonly TensorWithData[]
  readonly metadata: Readonly<Record<string, string>>
}> {
  const isSharded = (await readdir(folder)).includes('model.safetensors.index.json')
  const opened = await openSafetensorsCheckpoint(
    join(folder, isSharded ? 'model.safetensors.index.json' : 'model.safetensors'),
  )
  try {
    const tensors: TensorWithData[] = []
    for (const [name, { file, entry }] of opened.tensors) {
      tensors.push({ name, dtype: entry.dtype, shape: entry.shape, data: await file.read(name) })
    }
    return { tensors, metadata: opened.metadata }
  } finally {
    await opened.close()
  }
}
