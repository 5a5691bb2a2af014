import {
  type BlockConstant,
  blockProduct,
  type ConstantPiece,
  type GraphValue,
  type Linear,
  parameterChunks,
} from '@hfquant/core/runtime'
import { runKernel } from '@hfquant/kernels'
import { addBias } from './linear.js'
import type { LoweringContext } from './lowering.js'
import { parameterParts } from './parameter-pieces.js'

/** Weights that share a scale; a multiple of what the runtime's kernels read at once. */
const BLOCK = 32

/**
 * y = x·Wᵀ + b for a float weight [outFeatures, inFeatures], rounded to 8 bits in blocks of 32 of a row:
 * scale = max(min / -128, max / 127), code = round(w / scale), half to even. A quarter of the bytes of float32.
 *
 * Undefined where blocks do not divide a row.
 */
export function lowerInEightBits(
  module: Linear,
  path: string,
  input: GraphValue,
  context: LoweringContext,
): GraphValue | undefined {
  const [outFeatures, inFeatures] = module.weight.shape as [number, number]
  if (inFeatures % BLOCK !== 0) return undefined
  const product = blockProduct(
    context.graph,
    input,
    { outFeatures, inFeatures },
    {
      ...{ name: `${path}.eight_bit`, bits: 8, blockSize: BLOCK },
      ...{ codes: quantized(module, 'codes'), scales: quantized(module, 'scales') },
    },
  )
  return addBias(product, module, path, context)
}

/** Which half of the product's weight a constant is. */
type Part = 'codes' | 'scales'

const quantized = (module: Linear, part: Part): BlockConstant => ({
  chunks: () => quantizedChunks(module, part),
  pieces: () => quantizedPieces(module, part),
})

function quantizedPieces({ weight }: Linear, part: Part): readonly ConstantPiece[] | undefined {
  return parameterParts(weight, BLOCK)?.map(({ dtype, bytes, first, count }) => ({
    kernel: 'eightBitBlocks',
    params: paramsOf(dtype, count, part),
    inputs: [bytes],
    output: { offset: bytesOf(first, part), byteLength: bytesOf(count, part) },
  }))
}

/** Pieces of a parameter are powers of two long, except the last one: no block crosses their borders. */
async function* quantizedChunks({ weight }: Linear, part: Part): AsyncGenerator<Uint8Array> {
  for await (const values of parameterChunks(weight, 'float32')) {
    const count = values.byteLength / 4
    const made = new Uint8Array(bytesOf(count, part))
    runKernel('eightBitBlocks', paramsOf('float32', count, part), [values], [made])
    yield made
  }
}

const paramsOf = (dtype: string, count: number, part: Part) => ({
  ...{ dtype, rows: count / BLOCK, columns: BLOCK, groupSize: BLOCK, part },
})

/** Codes of one byte, a float32 for each block. */
const bytesOf = (count: number, part: Part): number => (part === 'codes' ? count : (count / BLOCK) * 4)
