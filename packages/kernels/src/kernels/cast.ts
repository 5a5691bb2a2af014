import type { KernelDefinition } from '../kernel.js'
import { type CastParams, cast } from '../reference/cast.js'
import { CAST_DTYPES, type CastDtype, castBytes } from '../reference/cast-dtypes.js'
import { floatBytes } from '../reference/float-formats.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'

/**
 * Element-wise conversion with PyTorch's results: nearest even, overflow to infinity, NaN stays NaN. Whole numbers,
 * float64 and eight-bit floats without scales are read as well. `nonFinite` is 1 when the output holds NaN or infinity.
 */
export const castKernel: KernelDefinition<CastParams> = {
  name: 'cast',
  parse: (read) => ({ from: read.choice('from', CAST_DTYPES), to: read.dtype('to') }),
  sizes: ({ from, to }, [length = 0]) => {
    const count = Math.floor(length / castBytes(from))
    return { inputs: [count * castBytes(from)], outputs: [count * floatBytes(to)] }
  },
  reference: cast,
  simd: ({ from, to }, { exports }, [source], [target]) => {
    const { byteLength, byteOffset } = source!
    if (from === to) exports.copy(byteLength, byteOffset, target!.byteOffset)
    else {
      const count = byteLength / castBytes(from)
      exports.cast(SOURCE_NUMBER[from], DTYPE_NUMBER[to], count, byteOffset, target!.byteOffset)
    }
    return {
      nonFinite: exports.holdsNonFinite(DTYPE_NUMBER[to], target!.byteLength, target!.byteOffset),
    }
  },
}

/** Numbers that stand for the sources in `assembly/widen.ts`. */
const SOURCE_NUMBER: Readonly<Record<CastDtype, number>> = {
  ...DTYPE_NUMBER,
  float64: 3,
  int8: 4,
  uint8: 5,
  int16: 6,
  uint16: 7,
  int32: 8,
  uint32: 9,
  int64: 10,
  uint64: 11,
  float8_e4m3fn: 12,
  float8_e5m2: 13,
}
