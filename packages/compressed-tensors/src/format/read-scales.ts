import { FLOAT8_VALUES, powersOfTwo } from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { GLOBAL_SCALE, SCALE, type Scales } from './layout.js'

/**
 * Scales as float32, in the order of the file; NaN where a code is no finite number.
 *
 * @param bytes of `weight_scale`, and of `weight_global_scale` where there is one
 */
export function readScales(scales: Scales, bytes: (key: string) => Uint8Array): Float32Array {
  const stored = bytes(SCALE)
  switch (scales.kind) {
    case 'float':
      return widenFloats(stored, scales.dtype)
    case 'e8m0':
      return powersOfTwo(stored)
    case 'e4m3': {
      const [global] = widenFloats(bytes(GLOBAL_SCALE), 'float32')
      return Float32Array.from(stored, (code) => FLOAT8_VALUES.float8_e4m3fn[code]! / global!)
    }
  }
}
