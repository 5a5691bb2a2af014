import { openSafetensors, type SafetensorsDtype, writeSafetensors } from '@hfquant/safetensors'

/** A tensor of a file. */
export interface StoredTensor {
  /** As the header spells it: "BF16". */
  readonly dtype: string
  readonly shape: readonly number[]
  /** In a buffer of their own. */
  readonly bytes: Uint8Array
}

/** What a safetensors file holds. */
export interface TensorFile {
  readonly tensors: Map<string, StoredTensor>
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Reads every tensor of a safetensors file.
 *
 * @throws SafetensorsError where it is none.
 */
export async function readTensorFile(file: string): Promise<TensorFile> {
  await using opened = await openSafetensors(file)
  const tensors = new Map<string, StoredTensor>()
  for (const [name, { dtype, shape }] of opened.tensors) {
    tensors.set(name, { dtype, shape, bytes: (await opened.read(name)).slice() })
  }
  return { tensors, metadata: opened.metadata }
}

/** Writes tensors as a safetensors file. */
export async function writeTensorFile(
  file: string,
  {
    tensors,
    metadata,
  }: { readonly tensors: ReadonlyMap<string, StoredTensor>; readonly metadata: TensorFile['metadata'] },
): Promise<void> {
  const list = [...tensors].map(([name, { dtype, shape, bytes }]) => ({
    ...{ name, dtype: dtype as SafetensorsDtype, shape, data: bytes },
  }))
  await writeSafetensors(file, list, { metadata })
}
