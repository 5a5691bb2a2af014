import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition, type ParamReader } from '../kernel.js'
import {
  BNB_PROFILES,
  FOUR_BIT_CODES,
  FOUR_BIT_RULES,
  FOUR_BIT_TYPES,
  type FourBitType,
} from '../reference/bnb-codes.js'
import { type Bnb4DequantizeParams, bnb4Dequantize } from '../reference/bnb4-dequantize.js'
import { type Bnb4QuantizeParams, bnb4Quantize } from '../reference/bnb4-quantize.js'
import { floatBytes } from '../reference/float-formats.js'
import { DTYPE_NUMBER, type WasmKernels } from '../wasm/instance.js'

/** Whole blocks are processed 32 elements at a time. */
const BLOCK_STEP = 32

function readMatrix(kernel: string, read: ParamReader) {
  const blockSize = read.count('blockSize', BLOCK_STEP)
  if (blockSize % BLOCK_STEP !== 0) {
    throw new KernelArgumentError(kernel, 'parameter "blockSize"', blockSize, `a multiple of ${BLOCK_STEP}`)
  }
  return {
    dtype: read.dtype('dtype'),
    rows: read.count('rows'),
    columns: read.count('columns'),
    quantType: read.choice('quantType', FOUR_BIT_TYPES),
    blockSize,
  }
}

const packedBytes = (count: number): number => Math.ceil(count / 2)
const scaleBytes = (count: number, blockSize: number): number => Math.ceil(count / blockSize) * 4

/** NF4 and FP4 blocks; see `reference.bnb4Quantize`. */
export const bnb4QuantizeKernel: KernelDefinition<Bnb4QuantizeParams> = {
  name: 'bnb4Quantize',
  parse: (read) => ({ ...readMatrix('bnb4Quantize', read), profile: read.choice('profile', BNB_PROFILES) }),
  sizes: ({ dtype, rows, columns, blockSize }) => ({
    inputs: [rows * columns * floatBytes(dtype)],
    outputs: [packedBytes(rows * columns), scaleBytes(rows * columns, blockSize)],
  }),
  reference: bnb4Quantize,
  simd({ dtype, rows, columns, quantType, profile, blockSize }, { exports }, [weight], [packed, absMax]) {
    const { bounds, nibbles, nan } = FOUR_BIT_RULES[quantType][profile]
    new Float32Array(exports.memory.buffer, exports.hostTable(), 16).set([...bounds, nan])
    new Uint8Array(exports.memory.buffer, exports.hostTable() + 64, 16).set(nibbles)
    const nonFinite = exports.bnb4Quantize(
      DTYPE_NUMBER[dtype],
      profile === 'cuda' ? 1 : 0,
      blockSize,
      rows * columns,
      weight!.byteOffset,
      packed!.byteOffset,
      absMax!.byteOffset,
    )
    return { nonFinite }
  },
}

/** NF4 and FP4 blocks back to floats; see `reference.bnb4Dequantize`. */
export const bnb4DequantizeKernel: KernelDefinition<Bnb4DequantizeParams> = {
  name: 'bnb4Dequantize',
  parse: (read) => readMatrix('bnb4Dequantize', read),
  sizes: ({ dtype, rows, columns, blockSize }) => ({
    inputs: [packedBytes(rows * columns), scaleBytes(rows * columns, blockSize)],
    outputs: [rows * columns * floatBytes(dtype)],
  }),
  reference: bnb4Dequantize,
  simd({ dtype, rows, columns, quantType, blockSize }, wasm, [packed, absMax], [result]) {
    writeCodeBytes(wasm, quantType)
    wasm.exports.bnb4Dequantize(
      DTYPE_NUMBER[dtype],
      blockSize,
      rows * columns,
      packed!.byteOffset,
      absMax!.byteOffset,
      result!.byteOffset,
    )
    return ALL_FINITE
  },
}

/** The sixteen values byte by byte: first byte of each, then second, so that a nibble selects from each plane. */
function writeCodeBytes({ exports }: WasmKernels, quantType: FourBitType): void {
  const bytes = new Uint8Array(FOUR_BIT_CODES[quantType].slice().buffer)
  const planes = new Uint8Array(exports.memory.buffer, exports.hostTable(), 64)
  for (let i = 0; i < 64; i++) planes[(i % 4) * 16 + (i >> 2)] = bytes[i]!
}
