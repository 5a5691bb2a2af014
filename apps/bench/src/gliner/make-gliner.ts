import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createSafetensorsFile,
  layoutSafetensors,
  openSafetensors,
  type TensorSpec,
} from '@hfquant/safetensors'
import { demoGliner } from 'hfquant/demo'
import { createNoise } from '../make-checkpoint.js'

/** Of the small GLiNER on DeBERTa v3: 166 million parameters, 98 million of them in the table of tokens. */
const ENCODER = {
  ...{ hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12, num_hidden_layers: 6 },
  ...{ vocab_size: 128_004, position_buckets: 256, pooler_hidden_size: 768 },
}

/**
 * Writes a float32 checkpoint of random weights, the same every time: the bundled GLiNER, in the size of a published one and
 * with its own tokenizer.
 */
export async function makeGliner(folder: string): Promise<void> {
  const json = JSON.parse(await readFile(join(demoGliner, 'gliner_config.json'), 'utf8'))
  const small = json.encoder_config
  const config = {
    ...{ ...json, hidden_size: ENCODER.hidden_size, vocab_size: ENCODER.vocab_size },
    encoder_config: { ...small, ...ENCODER },
  }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'gliner_config.json'), JSON.stringify(config, null, 2))
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    await cp(join(demoGliner, name), join(folder, name))
  const specs = await tensorsLike(small, json.hidden_size)
  const [layout] = layoutSafetensors(specs, { metadata: { format: 'pt' } }).files
  const file = await createSafetensorsFile(join(folder, layout!.fileName), layout!)
  const noise = createNoise()
  for (const [name, { byteLength }] of layout!.tensors) {
    const isNorm = /LayerNorm\.weight$/.test(name)
    for (let offset = 0; offset < byteLength; offset += PIECE) {
      const halves = new Uint16Array(Math.min(PIECE, byteLength - offset) / 4)
      noise(halves)
      const bits = Uint32Array.from(halves, (half) => half << 16)
      const floats = new Float32Array(bits.buffer)
      if (isNorm) floats.fill(1)
      await file.write(name, new Uint8Array(floats.buffer), offset)
    }
  }
  await file.close()
}

const PIECE = 4 * 2 ** 20
const IN_ENCODER = 'token_rep_layer.bert_layer.model.'

/**
 * Tensors of the bundled model with the sizes of the larger one. What stands on the encoder has widths that are multiples of
 * one; hidden states of the right width need no projection.
 */
async function tensorsLike(
  small: Readonly<Record<keyof typeof ENCODER, number>>,
  width: number,
): Promise<readonly TensorSpec[]> {
  const sizes = new Map<number, number>([
    [small.hidden_size, ENCODER.hidden_size],
    [small.intermediate_size, ENCODER.intermediate_size],
    [small.vocab_size, ENCODER.vocab_size],
    [2 * small.position_buckets, 2 * ENCODER.position_buckets],
  ])
  await using file = await openSafetensors(join(demoGliner, 'model.safetensors'))
  return [...file.tensors].flatMap(([name, { shape }]): readonly TensorSpec[] => {
    if (name.startsWith('token_rep_layer.projection.')) return []
    if (!name.startsWith(IN_ENCODER))
      return [{ name, dtype: 'F32', shape: shape.map((size) => (size * ENCODER.hidden_size) / width) }]
    const spec = { dtype: 'F32' as const, shape: shape.map((size) => sizes.get(size) ?? size) }
    const layer = /\.layer\.(\d+)\./.exec(name)
    if (layer === null) return [{ name, ...spec }]
    if (layer[1] !== '0') return []
    return Array.from({ length: ENCODER.num_hidden_layers }, (_, index) => ({
      name: name.replace('.layer.0.', `.layer.${index}.`),
      ...spec,
    }))
  })
}
