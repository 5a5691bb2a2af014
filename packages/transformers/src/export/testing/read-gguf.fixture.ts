import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

export interface ReadTensor {
  readonly type: number
  /** As stored: fastest dimension first. */
  readonly sizes: readonly number[]
  readonly bytes: Uint8Array
}

export interface ReadGguf {
  readonly metadata: ReadonlyMap<string, unknown>
  readonly tensors: ReadonlyMap<string, ReadTensor>
}

/** Values a block, bytes a block. */
const BLOCKS: Readonly<Record<number, readonly [number, number]>> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  8: [32, 34],
}

/** Reads a whole GGUF file by the book, without any code of the writer, and checks that tensors leave no gaps. */
export async function readGguf(path: string): Promise<ReadGguf> {
  const file = await readFile(path)
  let at = 0
  const take = (count: number) => {
    at += count
    return file.subarray(at - count, at)
  }
  const u32 = () => take(4).readUInt32LE()
  const u64 = () => Number(take(8).readBigUInt64LE())
  const string = () => take(u64()).toString()
  const value = (type: number): unknown => {
    if (type === 4) return u32()
    if (type === 5) return take(4).readInt32LE()
    if (type === 6) return take(4).readFloatLE()
    if (type === 7) return take(1)[0] === 1
    if (type === 8) return string()
    if (type !== 9) throw new TypeError(`value type ${type}`)
    const element = u32()
    return Array.from({ length: u64() }, () => value(element))
  }
  if (take(4).toString() !== 'GGUF' || u32() !== 3) throw new TypeError('no GGUF file of version 3')
  const [tensorCount, pairCount] = [u64(), u64()]
  const metadata = new Map(Array.from({ length: pairCount }, () => [string(), value(u32())] as const))
  const infos = Array.from({ length: tensorCount }, () => {
    const name = string()
    const sizes = Array.from({ length: u32() }, u64)
    return { name, sizes, type: u32(), offset: u64() }
  })
  const aligned = (offset: number) => Math.ceil(offset / 32) * 32
  const data = aligned(at)
  let end = 0
  const tensors = new Map<string, ReadTensor>()
  for (const { name, sizes, type, offset } of infos) {
    if (offset !== end) throw new TypeError(`${name} begins at ${offset}, expected ${end}`)
    const [values, bytes] = BLOCKS[type]!
    const length = (sizes.reduce((product, size) => product * size, 1) / values) * bytes
    tensors.set(name, {
      type,
      sizes,
      bytes: Uint8Array.from(file.subarray(data + offset, data + offset + length)),
    })
    end = aligned(offset + length)
  }
  if (data + end !== file.byteLength) throw new TypeError(`${file.byteLength} bytes, expected ${data + end}`)
  return { metadata, tensors }
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
