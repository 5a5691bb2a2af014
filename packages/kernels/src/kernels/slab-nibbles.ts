import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type SlabNibblesParams, slabNibbles } from '../reference/slab-nibbles.js'

/** The codes of one slab of stacked ones; see `reference.slabNibbles`. */
export const slabNibblesKernel: KernelDefinition<SlabNibblesParams> = {
  name: 'slabNibbles',
  parse(read) {
    const [bits, slab] = [read.count('bits'), read.count('slab')]
    if (bits !== 2 && bits !== 4) {
      throw new KernelArgumentError('slabNibbles', 'parameter "bits"', bits, '2 or 4')
    }
    const slabs = 8 / bits
    if (slab < slabs) return { bits, slab }
    throw new KernelArgumentError('slabNibbles', 'parameter "slab"', slab, `less than ${slabs}`)
  },
  sizes(_params, [length = 0]) {
    if (length % 2 === 0) return { inputs: [length], outputs: [length / 2] }
    throw new KernelArgumentError('slabNibbles', 'bytes of input 0', length, 'an even number')
  },
  reference: slabNibbles,
  simd({ bits, slab }, { exports }, [bytes], [result]) {
    exports.slabNibbles(bits, slab, bytes!.byteLength, bytes!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
}
