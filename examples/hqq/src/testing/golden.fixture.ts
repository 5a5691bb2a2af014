import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openSafetensors } from '@hfquant/safetensors'

/** A file or folder of reference data; goldens/README.md says what is in it. */
export const golden = (path: string): string =>
  fileURLToPath(new URL(`../../goldens/${path}`, import.meta.url))

/** One case of goldens/cases.json. */
export interface Case {
  readonly name: string
  readonly input: string
  readonly nbits: 8 | 6 | 5 | 4 | 3 | 2 | 1.58 | 1
  readonly effective_group_size: number
  readonly axis: 0 | 1
  readonly compute_dtype: 'float32' | 'float16' | 'bfloat16'
  readonly round_zero: boolean
  readonly optimize: boolean
  readonly channel_wise: boolean
  readonly view_as_float: boolean
  readonly packing: string
  readonly W_q_shape: readonly number[]
  readonly iterations: number
  readonly error_per_iteration: readonly number[]
  readonly hqq_mean_abs: number
}

export const cases: readonly Case[] = Object.entries(
  JSON.parse(readFileSync(golden('cases.json'), 'utf8')) as Record<string, Omit<Case, 'name'>>,
).map(([name, content]) => ({ name, ...content }))

/** The tensors of a case, or of a file: bytes, and dtype and shape as the header states them. */
export interface RawTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Tensors of a golden file whose names begin with `prefix`, under the rest of their names. */
export const readTensors = (file: string, prefix = ''): Promise<Map<string, RawTensor>> =>
  readFile(golden(file), prefix)

/** The same for a file anywhere. */
export async function readFile(path: string, prefix = ''): Promise<Map<string, RawTensor>> {
  await using opened = await openSafetensors(path)
  const tensors = new Map<string, RawTensor>()
  for (const [name, { dtype, shape }] of opened.tensors) {
    if (!name.startsWith(prefix)) continue
    tensors.set(name.slice(prefix.length), { dtype, shape, bytes: await opened.read(name) })
  }
  return tensors
}

export const readCase = (name: string): Promise<Map<string, RawTensor>> =>
  readTensors('cases.safetensors', `${name}/`)

export const floats = ({ bytes }: RawTensor): Float32Array => new Float32Array(bytes.slice().buffer)
