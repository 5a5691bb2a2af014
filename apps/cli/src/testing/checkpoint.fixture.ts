import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hfquant-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Sizes of a Llama model; its weights are small constants, which is all that writing and loading look at. */
export interface LlamaSizes {
  readonly hidden: number
  readonly intermediate: number
  readonly layers: number
  readonly vocabulary: number
}

/** Writes a float model, bfloat16, one file. */
export function writeLlama(folder: string, { hidden, intermediate, layers, vocabulary }: LlamaSizes): void {
  const shapes: [name: string, shape: number[]][] = [
    ['model.embed_tokens.weight', [vocabulary, hidden]],
    ['model.norm.weight', [hidden]],
    ['lm_head.weight', [vocabulary, hidden]],
  ]
  for (let layer = 0; layer < layers; layer++) {
    const path = `model.layers.${layer}`
    for (const name of ['q', 'k', 'v', 'o'])
      shapes.push([`${path}.self_attn.${name}_proj.weight`, [hidden, hidden]])
    for (const name of ['gate', 'up'])
      shapes.push([`${path}.mlp.${name}_proj.weight`, [intermediate, hidden]])
    shapes.push([`${path}.mlp.down_proj.weight`, [hidden, intermediate]])
    for (const name of ['input', 'post_attention'])
      shapes.push([`${path}.${name}_layernorm.weight`, [hidden]])
  }
  mkdirSync(folder, { recursive: true })
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: hidden / 64,
    vocab_size: vocabulary,
    tie_word_embeddings: false,
    torch_dtype: 'bfloat16',
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  writeSafetensors(join(folder, 'model.safetensors'), shapes)
}

function writeSafetensors(path: string, shapes: readonly [name: string, shape: readonly number[]][]): void {
  const header: Record<string, object> = {}
  let end = 0
  for (const [name, shape] of shapes) {
    const start = end
    end += 2 * shape.reduce((count, size) => count * size, 1)
    header[name] = { dtype: 'BF16', shape, data_offsets: [start, end] }
  }
  const text = JSON.stringify(header)
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const fd = openSync(path, 'w')
  try {
    writeSync(fd, Buffer.concat([length, json]))
    // 0x3c3c is 0.0115 in bfloat16.
    const piece = Buffer.alloc(2 ** 20, 0x3c)
    for (let left = end; left > 0; left -= piece.length) writeSync(fd, piece, 0, Math.min(left, piece.length))
  } finally {
    closeSync(fd)
  }
}
