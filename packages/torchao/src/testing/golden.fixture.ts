import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type Checkpoint,
  type FloatDtype,
  type FormatContext,
  openCheckpoint,
  storedWeight,
} from '@hfquant/core/runtime'
import { widenFloats } from '@hfquant/kernels'

const GOLDENS = fileURLToPath(new URL('../../../../goldens/torchao/', import.meta.url))

export const goldenPath = (name: string): string => join(GOLDENS, name)

/** Opens one file of the goldens; close it when done. */
export async function openGolden(name: string): Promise<Checkpoint> {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-golden-'))
  await symlink(goldenPath(name), join(folder, 'model.safetensors'))
  const checkpoint = await openCheckpoint(folder)
  await rm(folder, { recursive: true })
  return checkpoint
}

/** Bytes of a tensor by its full name. */
export async function goldenBytes(checkpoint: Checkpoint, name: string): Promise<Uint8Array> {
  const cut = name.lastIndexOf('.')
  const stored = storedWeight(checkpoint, name.slice(0, cut))
  if (!stored?.tensors.has(name.slice(cut + 1))) throw new Error(`no golden called ${name}`)
  return stored.read(name.slice(cut + 1))
}

export async function goldenFloats(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  const bytes = await goldenBytes(checkpoint, name)
  return widenFloats(bytes, checkpoint.tensors.get(name)!.dtype as FloatDtype)
}

/** What a backend sees of a module of a quantized checkpoint. */
export const storedContext = (checkpoint: Checkpoint, path: string): FormatContext => ({
  stored: storedWeight(checkpoint, path),
  metadata: checkpoint.metadata,
  preQuantized: true,
  listed: undefined,
  keepsElsewhere: () => false,
})
