import { KernelArgumentError } from '../errors.js'
import type { KernelDefinition, ParamReader } from '../kernel.js'
import { nibbleRowBytes, type PackNibblesParams, packNibbles } from '../reference/pack-nibbles.js'

export function readNibbleBlock(kernel: string, read: ParamReader): number {
  const blockSize = read.count('blockSize', 2)
  if (blockSize % 2 === 0) return blockSize
  throw new KernelArgumentError(kernel, 'parameter "blockSize"', blockSize, 'an even number')
}

/** Four-bit codes two to a byte, in the layout of ONNX Runtime's `MatMulNBits`. */
export const packNibblesKernel: KernelDefinition<PackNibblesParams> = {
  name: 'packNibbles',
  parse: (read) => ({
    rows: read.count('rows'),
    columns: read.count('columns'),
    blockSize: readNibbleBlock('packNibbles', read),
  }),
  sizes: (params) => ({
    inputs: [params.rows * params.columns],
    outputs: [params.rows * nibbleRowBytes(params)],
  }),
  reference: packNibbles,
  simd: (params, { exports }, [codes], [result]) => {
    const nonFinite = exports.packNibbles(
      params.rows,
      params.columns,
      nibbleRowBytes(params),
      codes!.byteOffset,
      result!.byteOffset,
    )
    return { nonFinite }
  },
}
