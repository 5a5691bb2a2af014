import { createHash } from 'node:crypto'
import { blockTypeId, type GgufValue, openGguf } from '@hfquant/gguf'

export interface ReadTensor {
  /** `ggml_type` */
  readonly type: number
  /** As stored: fastest dimension first. */
  readonly sizes: readonly number[]
  readonly bytes: Uint8Array
}

export interface ReadGguf {
  readonly metadata: ReadonlyMap<string, unknown>
  readonly tensors: ReadonlyMap<string, ReadTensor>
}

/** Reads a whole GGUF file, and checks what a reader need not ask for and llama.cpp does: that tensors leave no gaps. */
export async function readGguf(path: string): Promise<ReadGguf> {
  await using file = await openGguf(path)
  const tensors = new Map<string, ReadTensor>()
  let end = file.dataOffset
  for (const [name, { type, shape, byteOffset, byteLength }] of file.tensors) {
    if (byteOffset !== end) throw new TypeError(`${name} begins at ${byteOffset}, expected ${end}`)
    tensors.set(name, { type: blockTypeId(type), sizes: shape.toReversed(), bytes: await file.read(name) })
    end = Math.ceil((byteOffset + byteLength) / file.alignment) * file.alignment
  }
  if (end !== file.byteLength) throw new TypeError(`${file.byteLength} bytes, expected ${end}`)
  return { metadata: new Map([...file.metadata].map(([key, value]) => [key, plain(value)])), tensors }
}

function plain(value: GgufValue): unknown {
  if (value.type !== 'array') return value.value
  const { of, values } = value
  if (of === 'string') return Array.from({ length: values.length }, (_, index) => values.text(index))
  return of === 'bool' ? Array.from(values, (flag) => flag === 1) : Array.from<unknown>(values)
}

/** The digest under which llama.cpp's own converter and quantizer were recorded. */
export function tensorDigest({ tensors }: ReadGguf): string {
  const hash = createHash('sha256')
  for (const name of [...tensors.keys()].sort()) {
    if (name === 'rope_freqs.weight') continue
    const { type, sizes, bytes } = tensors.get(name)!
    hash.update(`${name}|${type}|${sizes.join(',')}\n`).update(bytes)
  }
  return hash.digest('hex').slice(0, 16)
}
