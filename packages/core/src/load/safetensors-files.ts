import { basename } from 'node:path'
import { openSafetensorsCheckpoint } from '@hfquant/safetensors'
import { fromSafetensorsDtype } from '../shell/dtype.js'
import type { Checkpoint, CheckpointTensor } from './checkpoint.js'

/** Opens a `.safetensors` file, or the shards of an index. */
export async function openSafetensorsFiles(path: string, folder: string): Promise<Checkpoint> {
  const opened = await openSafetensorsCheckpoint(path)
  const tensors = new Map<string, CheckpointTensor>()
  for (const [name, { file, entry }] of opened.tensors) {
    tensors.set(name, {
      name,
      dtype: fromSafetensorsDtype(entry.dtype),
      shape: entry.shape,
      file: file.path,
      fd: file.fd,
      position: entry.byteOffset,
      byteLength: entry.byteLength,
    })
  }
  const close = () => opened.close()
  return {
    folder,
    path,
    files: opened.files.map((file) => basename(file.path)),
    bytesOnDisk: opened.files.reduce((sum, file) => sum + file.byteLength, 0),
    tensors,
    metadata: opened.metadata,
    indexDtype: opened.indexMetadata.dtype,
    absent: opened.absent,
    close,
    [Symbol.asyncDispose]: close,
  }
}
