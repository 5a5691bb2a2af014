import { readFileSync } from 'node:fs'

/** Tensors of a safetensors file below goldens/gptq. */
export interface GoldenFile {
  readonly metadata: Readonly<Record<string, string>>
  shape(tensor: string): readonly number[]
  bytes(tensor: string): Uint8Array
  float32(tensor: string): Float32Array
  float16(tensor: string): Uint16Array
  int32(tensor: string): Int32Array
}

export function golden(name: string): GoldenFile {
  const file = readFileSync(new URL(`../../../goldens/gptq/${name}.safetensors`, import.meta.url))
  const start = 8 + Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >
  const bytes = (tensor: string) => {
    const entry = header[tensor]
    if (entry === undefined) throw new Error(`no tensor ${tensor} in ${name}`)
    return new Uint8Array(file.subarray(start + entry.data_offsets[0], start + entry.data_offsets[1]))
  }
  return {
    metadata: (header.__metadata__ ?? {}) as unknown as Record<string, string>,
    shape: (tensor) => header[tensor]!.shape,
    bytes,
    float32: (tensor) => new Float32Array(bytes(tensor).buffer),
    float16: (tensor) => new Uint16Array(bytes(tensor).buffer),
    int32: (tensor) => new Int32Array(bytes(tensor).buffer),
  }
}

/** A case of cases.json. */
export interface GoldenCase {
  readonly name: string
  readonly file: string
  readonly layer: string
  readonly bits: 2 | 3 | 4 | 8
  readonly group_size: number
  readonly sym: boolean
  readonly act_order: boolean
  readonly static_groups: boolean
  readonly [key: string]: unknown
}

export const goldenCases = (
  JSON.parse(readFileSync(new URL('../../../goldens/gptq/cases.json', import.meta.url), 'utf8')) as {
    readonly cases: readonly GoldenCase[]
  }
).cases
