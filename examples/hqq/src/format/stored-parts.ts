import type { PartBytes } from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { codeShape, type HqqLayout } from './layout.js'
import { unpackCodes, type Words } from './packing.js'

/** Scale and zero of every group, widened to float32. */
export interface Parameters {
  /** [P] */
  readonly scales: Float32Array
  /** [P] */
  readonly zeros: Float32Array
}

/** Keys of the tensors that hold values, as opposed to facts about them. */
export const valueKeys = ({ stacked }: HqqLayout): readonly string[] =>
  stacked ? ['W_q', 'zero_scale'] : ['W_q', 'scale', 'zero']

export function readParameters(bytesOf: PartBytes, layout: HqqLayout): Parameters {
  const { groups, parameterDtype } = layout
  if (!layout.stacked) {
    const [scales, zeros] = ['scale', 'zero'].map((key) => widenFloats(bytesOf(key), parameterDtype))
    return { scales: scales!, zeros: zeros! }
  }
  const both = widenFloats(bytesOf('zero_scale'), parameterDtype)
  return { zeros: both.subarray(0, groups), scales: both.subarray(groups) }
}

/** Codes of the flattened weight from index `first` on. `packed` is W_q, whatever dtype the file declares it as. */
export function readCodes(
  packed: Uint8Array,
  { packing }: HqqLayout,
  first: number,
  codes: Uint8Array,
): void {
  unpackCodes(wordsOf(packed, packing.word), packing, first, codes)
}

/** Words over the bytes of W_q, in place. */
export const wordsOf = (bytes: Uint8Array, word: 'uint8' | 'int32'): Words =>
  word === 'uint8' ? bytes : new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)

/**
 * Values from index `first` of the flattened weight on: (code − zero) · scale.
 *
 * @param roundTo computes as the library does, which rounds both steps to its compute dtype; float32 otherwise.
 */
export function dequantize(
  codes: Uint8Array,
  { scales, zeros }: Parameters,
  layout: HqqLayout,
  first: number,
  values: Float32Array,
  roundTo: (value: number) => number = Math.fround,
): void {
  const columns = codeShape(layout)[1]
  for (let i = 0; i < values.length; i++) {
    const index = first + i
    const group = layout.axis === 1 ? Math.floor(index / columns) : index % columns
    values[i] = roundTo(roundTo(codes[i]! - zeros[group]!) * scales[group]!)
  }
}
