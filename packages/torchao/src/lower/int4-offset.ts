import {
  blockProduct,
  blockScales,
  groupOfBlock,
  type LoweringInput,
  type QuantizedFormat,
  rowCalls,
} from '@hfquant/core'
import { runKernel, widenFloats } from '@hfquant/kernels'
import { QDATA, SCALE, ZERO_POINT } from '../tensors/grouped-codes.js'
import type { Int4Codes } from '../tensors/int4-tensor.js'
import { matMulNBitsBlock } from './mat-mul-n-bits.js'

/**
 * y = x·Wᵀ for weights code * scale + offset: `MatMulNBits` takes an offset as a fractional zero point, but then rebuilds the
 * whole weight on every call, fifty times slower. So the codes alone, symmetric, go through the fast kernel.
 *
 * Undefined for a group size that no block size of the operator divides.
 */
export function lowerInt4Offset(codes: Int4Codes): QuantizedFormat['lower'] | undefined {
  const { groupSize } = codes
  const blockSize = matMulNBitsBlock(groupSize, codes.inFeatures)
  if (blockSize === undefined || groupSize % blockSize !== 0) return undefined
  return (graph, layer) =>
    blockProduct(graph, layer.input, layer.weight, {
      ...{ name: `${layer.weight.path}.matmul_nbits`, bits: 4, blockSize },
      codes: { chunks: () => unsignedNibbles(layer), pieces: () => nibblePieces(layer, codes) },
      scales: { chunks: () => scaleChunks(layer, codes, blockSize) },
      offsets: { columns: groupSize, values: { chunks: () => groupOffsets(layer, codes) } },
    })
}

/** -8..7 in two's complement -> 0..15 around 8, which is what the operator expects; two a byte, in the same order. */
async function* unsignedNibbles({ read }: LoweringInput): AsyncGenerator<Uint8Array> {
  const codes = await read(QDATA)
  const moved = new Uint8Array(codes.length)
  runKernel('offsetCodes', { bits: 4 }, [codes], [moved])
  yield moved
}

function nibblePieces({ source }: LoweringInput, { outFeatures, inFeatures }: Int4Codes) {
  const rowBytes = inFeatures / 2
  return rowCalls(source?.(QDATA), {
    ...{ rows: outFeatures, storedBytes: rowBytes, madeBytes: rowBytes },
    call: () => ({ kernel: 'offsetCodes', params: { bits: 4 } }),
  })
}

/** The scale of a group for each of its blocks; they are stored [groups, outFeatures]. */
async function* scaleChunks(
  { read }: LoweringInput,
  { inFeatures, outFeatures, groupSize, scaleDtype }: Int4Codes,
  blockSize: number,
): AsyncGenerator<Uint8Array> {
  const scales = widenFloats(await read(SCALE), scaleDtype)
  yield* blockScales(
    outFeatures,
    inFeatures / blockSize,
    (row, block) => scales[groupOfBlock(block, blockSize, groupSize) * outFeatures + row]!,
  )
}

/** Stored [groups, outFeatures], as the product wants them. */
async function* groupOffsets({ read }: LoweringInput, { scaleDtype }: Int4Codes): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(widenFloats(await read(ZERO_POINT), scaleDtype).buffer)
}
