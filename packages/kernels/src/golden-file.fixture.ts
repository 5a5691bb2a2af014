import { readFileSync } from 'node:fs'

/** Tensors of a safetensors file below goldens/, as raw bytes. */
export interface GoldenFile {
  readonly names: readonly string[]
  has(tensor: string): boolean
  shape(tensor: string): readonly number[]
  /** A copy, so that typed arrays may be laid over it. */
  bytes(tensor: string): Uint8Array
  float32(tensor: string): Float32Array
}

/** @param path below goldens/, without the ending. */
export function readGoldenFile(path: string): GoldenFile {
  const file = readFileSync(new URL(`../../../goldens/${path}.safetensors`, import.meta.url))
  const start = 8 + Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >
  const entry = (tensor: string) => {
    const found = header[tensor]
    if (found === undefined) throw new Error(`no tensor ${tensor} in ${path}`)
    return found
  }
  const bytes = (tensor: string) => {
    const [from, to] = entry(tensor).data_offsets
    return new Uint8Array(file.subarray(start + from, start + to))
  }
  return {
    names: Object.keys(header).filter((name) => name !== '__metadata__'),
    has: (tensor) => Object.hasOwn(header, tensor),
    shape: (tensor) => entry(tensor).shape,
    bytes,
    float32: (tensor) => new Float32Array(bytes(tensor).buffer),
  }
}
