import type { FloatDtype } from '@hfquant/core'
import { reference } from '@hfquant/kernels'
import { dtypeValue } from '../encoding/values.js'
import { badAttribute, presentedDtype } from './document-fields.js'
import {
  type GroupedCodes,
  groupedCodes,
  outputBytes,
  QDATA,
  rowBytes,
  SCALE,
  ZERO_POINT,
} from './grouped-codes.js'
import type { TensorClass } from './tensor-class.js'
import type { TorchAoFormat } from './torchao-format.js'

export const INT8_TENSOR = 'Int8Tensor'

export interface Int8TensorLayout extends Omit<GroupedCodes, 'bits'> {
  /** Dtype that the tensor presents to the model. */
  readonly dtype: FloatDtype
  /** Whether codes keep to -64..63; undefined for files of a release that does not say. Default false. */
  readonly reduceRange?: boolean | undefined
  /** True for a tensor read from a file: nothing is quantized with its format. */
  readonly stored?: boolean
}

/**
 * Int8Tensor, weights only: codes -128..127, symmetric; scale = largest magnitude of the group / 127.5, computed in the
 * dtype of the weight, at least 2^-23, stored as float32; zero points 0.
 */
export function int8TensorFormat(layout: Int8TensorLayout): TorchAoFormat {
  const { inFeatures, groupSize, dtype, zeroPoint, stored = false } = layout
  const wholeRow = groupSize === inFeatures
  const reduceRange = 'reduceRange' in layout ? layout.reduceRange : false
  const shared = groupedCodes({ ...layout, bits: 8 })
  const format: TorchAoFormat = {
    name: wholeRow ? 'int8 per row' : `int8 per group of ${groupSize}`,
    document: {
      type: INT8_TENSOR,
      fields: {
        act_quant_kwargs: null,
        ...(reduceRange === undefined ? {} : { reduce_range: reduceRange }),
        block_size: [1, groupSize],
        dtype: dtypeValue(dtype),
      },
      dataNames: [...(zeroPoint === 'absent' ? [] : ['zero_point']), 'qdata', 'scale'],
    },
    ...shared,
  }
  if (stored) return format
  return {
    ...format,
    // A group is quantized like a row of its length.
    quantize(rows, out, weight) {
      const params = {
        dtype: weight.dtype,
        rows: (rows.count * inFeatures) / groupSize,
        columns: groupSize,
      }
      reference.int8Rows(params, [rowBytes(rows, weight)], outputBytes(out))
    },
    ...(wholeRow
      ? { quantizeKernel: () => ({ kernel: 'int8Rows', components: [QDATA, SCALE, ZERO_POINT] }) }
      : {}),
  }
}

/** What tells two tensors of the class apart; undefined: one scale for the whole weight. */
export const describeInt8Tensor = (groupSize: number | undefined): string =>
  `${INT8_TENSOR} with a scale for ${groupSize === undefined ? 'the whole weight' : `every ${groupSize} weights of a row`}`

/** How the class is read from a file. */
export const int8Tensor: TensorClass = {
  className: INT8_TENSOR,
  attributes: ['act_quant_kwargs', 'reduce_range', 'block_size', 'dtype'],
  requiredData: ['qdata', 'scale'],
  optionalData: ['zero_point'],
  bits: (fields, tensor) => {
    const { reduce_range: reduceRange } = fields
    if (reduceRange !== undefined && typeof reduceRange !== 'boolean') {
      throw badAttribute(tensor, 'reduce_range', reduceRange, 'true or false')
    }
    return 8
  },
  unsupported: ({ act_quant_kwargs: activations = null, block_size: block }) => {
    if (activations !== null) return 'Int8DynamicActivationInt8WeightConfig'
    return Array.isArray(block) && Number.isInteger(block[0]) && block[0] > 1
      ? 'Int8WeightOnlyConfig with PerTensor'
      : undefined
  },
  describe: (_fields, groupSize) => describeInt8Tensor(groupSize),
  format: (fields, stored) =>
    int8TensorFormat({
      ...stored,
      dtype: presentedDtype(fields),
      reduceRange: fields.reduce_range as boolean | undefined,
      stored: true,
    }),
}
