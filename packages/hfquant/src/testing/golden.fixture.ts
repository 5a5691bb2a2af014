import { fileURLToPath } from 'node:url'
import { openSafetensors } from '@hfquant/safetensors'

/** A folder of reference data. */
export const golden = (path: string): string =>
  fileURLToPath(new URL(`../../../../goldens/${path}`, import.meta.url))

export async function readFloats(file: string, tensor: string): Promise<Float32Array> {
  await using opened = await openSafetensors(file)
  return new Float32Array((await opened.read(tensor)).slice().buffer)
}

export async function readIntegers(file: string, tensor: string): Promise<number[]> {
  await using opened = await openSafetensors(file)
  return Array.from(new BigInt64Array((await opened.read(tensor)).slice().buffer), Number)
}

export function largestDifference(found: Float32Array, wanted: Float32Array): number {
  if (found.length !== wanted.length) throw new RangeError(`${found.length} values, ${wanted.length} wanted`)
  return found.reduce((most, value, index) => Math.max(most, Math.abs(value - wanted[index]!)), 0)
}
