import { readFileSync } from 'node:fs'

/** A tensor as it lies in a file. */
export interface RawTensor {
  /** Name of the dtype in a safetensors header: "F32". */
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** Every tensor of a file below goldens/bitsandbytes, by name. */
export function readGolden(path: string): ReadonlyMap<string, RawTensor> {
  const url = new URL(`../../../../goldens/bitsandbytes/${path}.safetensors`, import.meta.url)
  const file = readFileSync(url)
  const start = 8 + Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  return new Map(
    Object.entries(header)
      .filter(([name]) => name !== '__metadata__')
      .map(
        ([
          name,
          {
            dtype,
            shape,
            data_offsets: [from, to],
          },
        ]) => [name, { dtype, shape, bytes: new Uint8Array(file.subarray(start + from, start + to)) }],
      ),
  )
}

/** The tensors whose names begin with `prefix`, under the rest of their names. */
export const below = (tensors: ReadonlyMap<string, RawTensor>, prefix: string): Map<string, RawTensor> =>
  new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
    ),
  )

export const floats = (bytes: Uint8Array): Float32Array => new Float32Array(bytes.slice().buffer)

export const text = (value: string): RawTensor => {
  const bytes = new TextEncoder().encode(value)
  return { dtype: 'U8', shape: [bytes.length], bytes }
}

export const float32 = (
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): RawTensor => ({
  ...{ dtype: 'F32', shape },
  bytes: new Uint8Array(Float32Array.from(values).buffer),
})
