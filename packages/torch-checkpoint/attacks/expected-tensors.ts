import { readFile } from 'node:fs/promises'

/** Shape and bytes of each tensor of a safetensors file that is known to be sound. */
export async function expectedTensors(
  path: string,
): Promise<
  ReadonlyMap<string, { readonly dtype: string; readonly shape: number[]; readonly bytes: Uint8Array }>
> {
  const file = await readFile(path)
  const dataOffset = 8 + Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, dataOffset)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__')
  return new Map(
    tensors.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [start, end],
        },
      ]) => {
        const bytes = Uint8Array.from(file.subarray(dataOffset + start, dataOffset + end))
        return [name, { dtype, shape, bytes }]
      },
    ),
  )
}
