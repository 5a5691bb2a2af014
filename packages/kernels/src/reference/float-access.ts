import {
  bfloat16ToFloat32,
  type FloatDtype,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  QUIET_NAN_BITS,
} from './float-formats.js'

/** Elements of a little-endian byte range, read one at a time as numbers. */
export function floatReader(dtype: FloatDtype, bytes: Uint8Array): (index: number) => number {
  const view = viewOf(bytes)
  if (dtype === 'float32') return (index) => view.getFloat32(index * 4, true)
  if (dtype === 'bfloat16') return (index) => bfloat16ToFloat32(view.getUint16(index * 2, true))
  return (index) => float16ToFloat32(view.getUint16(index * 2, true))
}

/** Writes numbers rounded to the dtype; every NaN is written as the canonical quiet one. */
export function floatWriter(dtype: FloatDtype, bytes: Uint8Array): (index: number, value: number) => void {
  const view = viewOf(bytes)
  if (dtype === 'float32') {
    return (index, value) => {
      if (Number.isNaN(value)) view.setUint32(index * 4, QUIET_NAN_BITS.float32, true)
      else view.setFloat32(index * 4, value, true)
    }
  }
  const encode = dtype === 'bfloat16' ? float32ToBfloat16 : float32ToFloat16
  return (index, value) => {
    view.setUint16(index * 2, Number.isNaN(value) ? QUIET_NAN_BITS[dtype] : encode(value), true)
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
