import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type Bnb8DequantizeParams, bnb8Dequantize } from '../reference/bnb8-dequantize.js'
import { BNB8_PROFILES, type Bnb8QuantizeParams, bnb8Quantize } from '../reference/bnb8-quantize.js'
import { DYNAMIC_BOUNDS } from '../reference/dynamic-map.js'

const PROFILE_NUMBER = { cpu: 0, cuda: 1, operators: 2 } as const

/** Blockwise 8-bit codes of the signed dynamic map; see `reference.bnb8Quantize`. */
export const bnb8QuantizeKernel: KernelDefinition<Bnb8QuantizeParams> = {
  name: 'bnb8Quantize',
  parse: (read) => ({
    count: read.count('count'),
    blockSize: read.count('blockSize', 1),
    profile: read.choice('profile', BNB8_PROFILES),
  }),
  sizes: ({ count, blockSize }) => ({
    inputs: [count * 4],
    outputs: [count, Math.ceil(count / blockSize) * 4],
  }),
  reference: bnb8Quantize,
  simd({ count, blockSize, profile }, { exports }, [source], [codes, absMax]) {
    new Float32Array(exports.memory.buffer, exports.hostTable(), 255).set(DYNAMIC_BOUNDS)
    const nonFinite = exports.bnb8Quantize(
      PROFILE_NUMBER[profile],
      blockSize,
      count,
      source!.byteOffset,
      codes!.byteOffset,
      absMax!.byteOffset,
    )
    return { nonFinite }
  },
}

/** Blockwise 8-bit codes back to floats, with any map; see `reference.bnb8Dequantize`. */
export const bnb8DequantizeKernel: KernelDefinition<Bnb8DequantizeParams> = {
  name: 'bnb8Dequantize',
  parse: (read) => ({ count: read.count('count'), blockSize: read.count('blockSize', 1) }),
  sizes: ({ count, blockSize }) => ({
    inputs: [count, Math.ceil(count / blockSize) * 4, 1024, 4],
    outputs: [count * 4],
    optionalInputs: 1,
  }),
  reference: bnb8Dequantize,
  simd({ count, blockSize }, { exports }, [codes, absMax, map, offset], [result]) {
    exports.bnb8Dequantize(
      blockSize,
      count,
      codes!.byteOffset,
      absMax!.byteOffset,
      map!.byteOffset,
      offset?.byteOffset ?? 0,
      result!.byteOffset,
    )
    return ALL_FINITE
  },
}
