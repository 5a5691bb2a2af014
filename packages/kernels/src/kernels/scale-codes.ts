import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type ScaleCodesParams, scaleCodes } from '../reference/scale-codes.js'

/** Codes that are given another scale; see `reference.scaleCodes`. */
export const scaleCodesKernel: KernelDefinition<ScaleCodesParams> = {
  name: 'scaleCodes',
  parse(read) {
    const params = { blocks: read.count('blocks'), blockSize: read.count('blockSize', 16) }
    if (params.blockSize % 16 === 0) return params
    throw new KernelArgumentError('scaleCodes', 'parameter "blockSize"', params.blockSize, 'a multiple of 16')
  },
  sizes({ blocks, blockSize }) {
    const count = blocks * blockSize
    return { inputs: [count, 4 * blocks], outputs: [count] }
  },
  reference: scaleCodes,
  simd({ blocks, blockSize }, { exports }, [codes, ratios], [result]) {
    exports.scaleCodes(blocks, blockSize, codes!.byteOffset, ratios!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
}
