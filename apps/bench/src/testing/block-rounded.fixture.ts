import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openSafetensors, writeSafetensors } from '@hfquant/safetensors'

export type BlockType = 'Q8_0' | 'Q4_0'

/**
 * A float32 copy of the demo model whose matrices hold what blocks of 32 leave of them, computed here by the formula
 * alone. `table` says what happens to the embedding, which the output matrix is a copy of.
 */
export async function copyBlockRounded(
  from: string,
  to: string,
  type: BlockType,
  table: 'rounded' | 'kept for looking up',
): Promise<void> {
  await cp(from, to, { recursive: true })
  await using file = await openSafetensors(join(from, 'model.safetensors'))
  const tensors: { name: string; dtype: 'F32'; shape: readonly number[]; data: Uint8Array }[] = []
  for (const [name, { shape }] of file.tensors) {
    const values = fromBfloat16(await file.read(name))
    const put = (key: string, floats: Float32Array) =>
      tensors.push({ name: key, dtype: 'F32', shape, data: new Uint8Array(floats.buffer) })
    const rounded = shape.length === 1 ? values : values.slice()
    if (shape.length > 1)
      for (let at = 0; at < rounded.length; at += 32) roundBlock(rounded.subarray(at, at + 32), type)
    const isTable = name === 'model.embed_tokens.weight' && table === 'kept for looking up'
    put(name, isTable ? values : rounded)
    if (isTable) put('lm_head.weight', rounded)
  }
  await writeSafetensors(join(to, 'model.safetensors'), tensors)
  const config = JSON.parse(await readFile(join(from, 'config.json'), 'utf8'))
  const tied = table === 'rounded'
  await writeFile(
    join(to, 'config.json'),
    JSON.stringify({ ...config, torch_dtype: 'float32', tie_word_embeddings: tied }),
  )
}

function fromBfloat16(bytes: Uint8Array): Float32Array {
  const bits = new Uint16Array(bytes.slice().buffer)
  return new Float32Array(Uint32Array.from(bits, (high) => high << 16).buffer)
}

function roundBlock(values: Float32Array, type: BlockType): void {
  const extreme = values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
  const scale = Math.fround(type === 'Q8_0' ? Math.abs(extreme) / 127 : extreme / -8)
  const stored = toFloat16(scale)
  for (const [index, value] of values.entries()) {
    const ratio = scale === 0 ? 0 : value / scale
    const code =
      type === 'Q8_0' ? Math.sign(ratio) * Math.floor(Math.abs(ratio) + 0.5) : Math.floor(ratio + 8.5) - 8
    values[index] = Math.min(code, type === 'Q8_0' ? 127 : 7) * stored
  }
}

/** The nearest number with eleven significant bits, ties to even, or a multiple of the smallest one. */
function toFloat16(value: number): number {
  const unit = 2 ** Math.max(Math.floor(Math.log2(Math.abs(value) || 1)) - 10, -24)
  const units = value / unit
  const floor = Math.floor(units)
  const part = units - floor
  const up = part > 0.5 || (part === 0.5 && floor % 2 !== 0)
  return (up ? floor + 1 : floor) * unit
}
