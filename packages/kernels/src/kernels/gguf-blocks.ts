import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition, type ParamReader } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import {
  GGUF_BLOCK,
  GGUF_BLOCK_BYTES,
  GGUF_BLOCK_TYPES,
  type GgufBlocksParams,
  type GgufBlockType,
  type GgufCodesParams,
  ggufBlocks,
  ggufCodes,
} from '../reference/gguf-blocks.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'

/** Floats -> Q8_0 or Q4_0 blocks of GGUF; see `reference.ggufBlocks`. */
export const ggufBlocksKernel: KernelDefinition<GgufBlocksParams> = {
  name: 'ggufBlocks',
  parse: (read) => ({ ...readShape('ggufBlocks', read), dtype: read.dtype('dtype') }),
  sizes: ({ type, dtype, rows, columns }) => ({
    inputs: [rows * columns * floatBytes(dtype)],
    outputs: [((rows * columns) / GGUF_BLOCK) * GGUF_BLOCK_BYTES[type]],
  }),
  reference: ggufBlocks,
  simd: ({ type, dtype, rows, columns }, { exports }, [weight], [blocks]) => ({
    nonFinite: exports.ggufBlocks(
      TYPE_NUMBER[type],
      DTYPE_NUMBER[dtype],
      (rows * columns) / GGUF_BLOCK,
      weight!.byteOffset,
      blocks!.byteOffset,
    ),
  }),
}

/** Blocks -> codes and scales of MatMulNBits; see `reference.ggufCodes`. */
export const ggufCodesKernel: KernelDefinition<GgufCodesParams> = {
  name: 'ggufCodes',
  parse: (read) => readShape('ggufCodes', read),
  sizes({ type, rows, columns }) {
    const count = (rows * columns) / GGUF_BLOCK
    return {
      inputs: [count * GGUF_BLOCK_BYTES[type]],
      outputs: [count * (GGUF_BLOCK_BYTES[type] - 2), count * 4],
    }
  },
  reference: ggufCodes,
  simd({ type, rows, columns }, { exports }, [blocks], [codes, scales]) {
    const count = (rows * columns) / GGUF_BLOCK
    exports.ggufCodes(TYPE_NUMBER[type], count, blocks!.byteOffset, codes!.byteOffset, scales!.byteOffset)
    return ALL_FINITE
  },
}

/** Numbers that stand for types in `assembly/gguf-blocks.ts`. */
const TYPE_NUMBER: Readonly<Record<GgufBlockType, number>> = { Q8_0: 0, Q4_0: 1 }

function readShape(kernel: string, read: ParamReader): GgufCodesParams {
  const columns = read.count('columns')
  if (columns % GGUF_BLOCK !== 0) {
    throw new KernelArgumentError(kernel, 'parameter "columns"', columns, `a multiple of ${GGUF_BLOCK}`)
  }
  return { type: read.choice('type', GGUF_BLOCK_TYPES), rows: read.count('rows'), columns }
}
