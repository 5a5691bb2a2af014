import { fileURLToPath } from 'node:url'
import { openSafetensors } from '@hfquant/safetensors'

/** Reference data below goldens/fp8. */
export const golden = (path: string): string =>
  fileURLToPath(new URL(`../../../../goldens/fp8/${path}`, import.meta.url))

export interface GoldenTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** Every tensor of a file. */
export async function readAll(file: string): Promise<Map<string, GoldenTensor>> {
  await using opened = await openSafetensors(file)
  const tensors = new Map<string, GoldenTensor>()
  for (const [name, { dtype, shape }] of opened.tensors) {
    tensors.set(name, { dtype, shape, bytes: (await opened.read(name)).slice() })
  }
  return tensors
}
