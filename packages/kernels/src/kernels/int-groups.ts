import type { KernelDefinition } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import {
  INT_MAPPINGS,
  type IntGroupsParams,
  intGroups,
  SCALE_FLOORS,
  type ScaleFloor,
} from '../reference/int-groups.js'
import { DTYPE_NUMBER, MAPPING_NUMBER } from '../wasm/instance.js'
import { readGroupSize } from './group-size.js'

/** Codes of 1 to 8 bits with a scale and a zero point for each group of columns; see `reference.intGroups`. */
export const intGroupsKernel: KernelDefinition<IntGroupsParams> = {
  name: 'intGroups',
  parse(read) {
    const mapping = read.choice('mapping', INT_MAPPINGS)
    return {
      dtype: read.dtype('dtype'),
      rows: read.count('rows'),
      ...readGroupSize('intGroups', read),
      // One bit reaches from -1 to 0: without a positive code nothing positive can be free of clipping.
      bits: read.count('bits', mapping === 'symmetricNoClippingErr' ? 2 : 1, 8),
      mapping,
      eps: read.choice('eps', Object.keys(SCALE_FLOORS) as ScaleFloor[]),
      scaleDtype: read.optionalDtype('scaleDtype'),
    }
  },
  sizes({ dtype, rows, columns, groupSize, scaleDtype = dtype }) {
    const groups = (rows * columns) / groupSize
    return {
      inputs: [rows * columns * floatBytes(dtype)],
      outputs: [rows * columns, groups * floatBytes(scaleDtype), groups],
    }
  },
  reference: intGroups,
  simd({ dtype, rows, columns, groupSize, scaleDtype = dtype, ...params }, { exports }, [weight], outputs) {
    const [codes, scales, zeroPoints] = outputs
    const nonFinite = exports.intGroups(
      DTYPE_NUMBER[dtype],
      DTYPE_NUMBER[scaleDtype],
      MAPPING_NUMBER[params.mapping],
      params.bits,
      SCALE_FLOORS[params.eps][dtype],
      (rows * columns) / groupSize,
      groupSize,
      weight!.byteOffset,
      codes!.byteOffset,
      scales!.byteOffset,
      zeroPoints!.byteOffset,
    )
    return { nonFinite }
  },
}
