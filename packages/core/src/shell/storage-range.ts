import type { ByteRange } from '@hfquant/kernels'
import type { Dtype } from '../contract/tensor.js'
import type { Parameter } from './parameter.js'

/** The file that holds a parameter, for messages. */
export const storagePath = ({ storage }: Parameter): string => {
  if (storage.kind === 'parts') return storage.parts[0]!.path
  return storage.kind === 'file' ? storage.path : 'memory'
}

/** The stored bytes of a parameter, in ranges that are the tensor one behind the other, and their dtype. */
export function storageRanges({ storage }: Parameter): {
  readonly ranges: readonly ByteRange[]
  readonly dtype: Dtype
} {
  if (storage.kind === 'meta') throw new TypeError('a parameter on the meta device has no bytes')
  const { dtype } = storage
  if (storage.kind === 'memory') {
    const { buffer } = storage
    return { ranges: [{ buffer, byteOffset: 0, byteLength: buffer.byteLength }], dtype }
  }
  const parts = storage.kind === 'parts' ? storage.parts : [storage]
  return { ranges: parts.map(({ fd, position, byteLength }) => ({ fd, position, byteLength })), dtype }
}

/** The stored bytes of a parameter that lie in one range, such as a component, and their dtype. */
export function storageRange(parameter: Parameter): { readonly range: ByteRange; readonly dtype: Dtype } {
  const { ranges, dtype } = storageRanges(parameter)
  const [range] = ranges
  if (range === undefined || ranges.length > 1) throw new TypeError('the parameter does not lie in one range')
  return { range, dtype }
}
