import type { ByteRange } from '@hfquant/kernels'
import type { Dtype } from '../contract/tensor.js'
import type { Parameter } from './parameter.js'

/** The stored bytes of a parameter and their dtype. A parameter on the meta device has none. */
export function storageRange({ storage }: Parameter): { readonly range: ByteRange; readonly dtype: Dtype } {
  if (storage.kind === 'meta') throw new TypeError('a parameter on the meta device has no bytes')
  if (storage.kind === 'memory') {
    const { buffer, dtype } = storage
    return { range: { buffer, byteOffset: 0, byteLength: buffer.byteLength }, dtype }
  }
  const { fd, position, byteLength, dtype } = storage
  return { range: { fd, position, byteLength }, dtype }
}
