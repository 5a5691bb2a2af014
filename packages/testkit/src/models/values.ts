import { type FloatDtype, float32ToBfloat16, float32ToFloat16 } from '@hfquant/core'

/** Numbers of a normal distribution with mean 0: always the same for the same seed. */
export function gaussian(seed: string, count: number, deviation: number): Float32Array {
  const random = randomNumbers(seed)
  const values = new Float32Array(count)
  for (let index = 0; index < count; index += 2) {
    // Box-Muller: two uniform numbers make two normal ones.
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()))
    const angle = 2 * Math.PI * random()
    values[index] = radius * Math.cos(angle)
    if (index + 1 < count) values[index + 1] = radius * Math.sin(angle)
  }
  return values
}

/** Uniform numbers in [0, 1) (mulberry32), seeded by a text (FNV-1a). */
function randomNumbers(seed: string): () => number {
  let state = 0x811c9dc5
  for (const byte of new TextEncoder().encode(seed)) state = Math.imul(state ^ byte, 0x01000193)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Float32 numbers as a file of the dtype holds them. */
export function encodeFloats(values: Float32Array, dtype: FloatDtype): Uint8Array {
  if (dtype === 'float32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const encode = dtype === 'bfloat16' ? float32ToBfloat16 : float32ToFloat16
  return new Uint8Array(Uint16Array.from(values, encode).buffer)
}
