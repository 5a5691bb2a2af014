import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type AwqCodesParams, awqCodes } from '../reference/awq-codes.js'

/** Words of AWQ as a product of blocks reads codes; see `reference.awqCodes`. */
export const awqCodesKernel: KernelDefinition<AwqCodesParams> = {
  name: 'awqCodes',
  parse(read) {
    const params = { rows: read.count('rows'), columns: read.count('columns') }
    for (const [name, value] of Object.entries(params)) {
      if (value % 8 === 0) continue
      throw new KernelArgumentError('awqCodes', `parameter "${name}"`, value, 'a multiple of 8')
    }
    return params
  },
  sizes({ rows, columns }) {
    const byteLength = (rows * columns) / 2
    return { inputs: [byteLength], outputs: [byteLength] }
  },
  reference: awqCodes,
  simd({ rows, columns }, { exports }, [words], [result]) {
    exports.awqCodes(rows, columns, words!.byteOffset, result!.byteOffset)
    return ALL_FINITE
  },
}
