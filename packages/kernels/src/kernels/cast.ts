import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type CastParams, cast } from '../reference/cast.js'
import { floatBytes } from '../reference/float-formats.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'

/** Element-wise conversion with PyTorch's results: nearest even, overflow to infinity, NaN stays NaN. */
export const castKernel: KernelDefinition<CastParams> = {
  name: 'cast',
  parse: (read) => ({ from: read.dtype('from'), to: read.dtype('to') }),
  sizes: ({ from, to }, [length = 0]) => {
    const count = Math.floor(length / floatBytes(from))
    return { inputs: [count * floatBytes(from)], outputs: [count * floatBytes(to)] }
  },
  reference: cast,
  simd: ({ from, to }, { exports }, [source], [target]) => {
    const { byteLength, byteOffset } = source!
    if (from === to) exports.copy(byteLength, byteOffset, target!.byteOffset)
    else {
      const count = byteLength / floatBytes(from)
      exports.cast(DTYPE_NUMBER[from], DTYPE_NUMBER[to], count, byteOffset, target!.byteOffset)
    }
    return ALL_FINITE
  },
}
