import { KernelArgumentError } from '../errors.js'
import type { KernelDefinition } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import {
  GGUF_BLOCK,
  GGUF_BLOCK_BYTES,
  GGUF_BLOCK_TYPES,
  type GgufBlocksParams,
  type GgufBlockType,
  ggufBlocks,
} from '../reference/gguf-blocks.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'

/** Floats -> Q8_0 or Q4_0 blocks of GGUF; see `reference.ggufBlocks`. */
export const ggufBlocksKernel: KernelDefinition<GgufBlocksParams> = {
  name: 'ggufBlocks',
  parse(read) {
    const columns = read.count('columns')
    if (columns % GGUF_BLOCK !== 0) {
      throw new KernelArgumentError(
        'ggufBlocks',
        'parameter "columns"',
        columns,
        `a multiple of ${GGUF_BLOCK}`,
      )
    }
    const type = read.choice('type', GGUF_BLOCK_TYPES)
    return { type, dtype: read.dtype('dtype'), rows: read.count('rows'), columns }
  },
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

/** Numbers that stand for types in `assembly/gguf-blocks.ts`. */
const TYPE_NUMBER: Readonly<Record<GgufBlockType, number>> = { Q8_0: 0, Q4_0: 1 }
