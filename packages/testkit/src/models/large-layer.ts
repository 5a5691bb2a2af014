import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSafetensorsFile, layoutSafetensors, type TensorSpec } from '@hfquant/safetensors'
import type { ModelLayout } from './layout.js'
import { encodeFloats, gaussian } from './values.js'

/** The path of the one large module. */
export const LARGE_LAYER = 'model.layers.0.up_proj'

/** A model of one linear layer [outFeatures, inFeatures], with an embedding and a head of one row each. */
export const largeLayer = (outFeatures: number, inFeatures: number): ModelLayout => ({
  modules: {
    'model.embed_tokens': { kind: 'embedding', count: 1, size: inFeatures },
    [LARGE_LAYER]: { kind: 'linear', inFeatures, outFeatures },
    lm_head: { kind: 'linear', inFeatures, outFeatures: 1 },
  },
  basePrefix: 'model',
  inputEmbedding: 'model.embed_tokens',
  outputEmbedding: 'lm_head',
})

/**
 * Writes a bfloat16 checkpoint of such a model, piece by piece: the layer never stands in memory. Its rows repeat.
 *
 * @returns the folder.
 */
export async function writeLargeLayer(
  folder: string,
  outFeatures: number,
  inFeatures: number,
): Promise<string> {
  await mkdir(folder, { recursive: true })
  const rows = Math.min(64, outFeatures)
  const piece = encodeFloats(gaussian('large', rows * inFeatures, 1 / Math.sqrt(inFeatures)), 'bfloat16')
  const row = piece.subarray(0, 2 * inFeatures)
  const specs: readonly TensorSpec[] = [
    { name: 'model.embed_tokens.weight', dtype: 'BF16', shape: [1, inFeatures] },
    { name: `${LARGE_LAYER}.weight`, dtype: 'BF16', shape: [outFeatures, inFeatures] },
    { name: 'lm_head.weight', dtype: 'BF16', shape: [1, inFeatures] },
  ]
  const [file] = layoutSafetensors(specs, { metadata: { format: 'pt' } }).files
  await using writer = await createSafetensorsFile(join(folder, 'model.safetensors'), file!)
  for (const { name, shape } of specs) {
    for (let first = 0; first < shape[0]!; first += rows) {
      const count = Math.min(rows, shape[0]! - first)
      await writer.write(
        name,
        count === 1 ? row : piece.subarray(0, 2 * inFeatures * count),
        2 * inFeatures * first,
      )
    }
  }
  await writeFile(join(folder, 'config.json'), '{"architectures": ["TinyForTesting"], "dtype": "bfloat16"}\n')
  return folder
}
