import { float16ToFloat32Bits } from './float16.js'

/** Values of a float type, which are blocks of one. */
export type DecodeFloats = (blocks: DataView, values: Float32Array) => void

/** Bits are copied, not numbers, so that a NaN stays what it is. */
const bitsOf = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length)

export const decodeF32: DecodeFloats = (blocks, values) => {
  const bits = bitsOf(values)
  for (let i = 0; i < bits.length; i++) bits[i] = blocks.getUint32(4 * i, true)
}

export const decodeF16: DecodeFloats = (blocks, values) => {
  const bits = bitsOf(values)
  for (let i = 0; i < bits.length; i++) bits[i] = float16ToFloat32Bits(blocks.getUint16(2 * i, true))
}

/** The upper half of a float32. */
export const decodeBF16: DecodeFloats = (blocks, values) => {
  const bits = bitsOf(values)
  for (let i = 0; i < bits.length; i++) bits[i] = blocks.getUint16(2 * i, true) << 16
}
