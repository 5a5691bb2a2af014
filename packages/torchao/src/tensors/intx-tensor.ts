import type { FloatDtype } from '@hfquant/core'
import { type IntMapping, reference } from '@hfquant/kernels'
import { dtypeValue, type Fields } from '../encoding/values.js'
import { badAttribute, dtypeName, presentedDtype } from './document-fields.js'
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

const INTX_TENSOR = 'IntxUnpackedToInt8Tensor'

/** `activation_quantization` of a tensor whose inputs are quantized to int8 for each token, asymmetric. */
const INT8_ASYM_PER_TOKEN = 'int8_asym_per_token'

export const INT_DTYPES = ['int1', 'int2', 'int3', 'int4', 'int5', 'int6', 'int7', 'int8'] as const
export type IntDtype = (typeof INT_DTYPES)[number]

const bitsOf = (dtype: IntDtype): number => INT_DTYPES.indexOf(dtype) + 1

const KERNEL_MAPPING: Readonly<Record<IntxMapping, IntMapping>> = {
  SYMMETRIC: 'symmetric',
  SYMMETRIC_NO_CLIPPING_ERR: 'symmetricNoClippingErr',
  ASYMMETRIC: 'asymmetric',
}

export type IntxMapping = 'SYMMETRIC' | 'SYMMETRIC_NO_CLIPPING_ERR' | 'ASYMMETRIC'

export interface IntxTensorLayout extends Omit<GroupedCodes, 'bits'> {
  readonly targetDtype: IntDtype
  /** Dtype that the tensor presents to the model. */
  readonly dtype: FloatDtype
  /** How scale and zero point are chosen; absent for a tensor read from a file, which is not quantized again. */
  readonly mapping?: IntxMapping
}

/**
 * IntxUnpackedToInt8Tensor with int8 activations: codes of 1 to 8 bits, one to a byte; scale in the dtype of the weight
 * unless told otherwise, at least the smallest normal number of that dtype.
 *
 * The quantization of activations is the runtime's: `MatMulNBits` with accuracy level 4 rounds them to int8,
 * symmetrically and for each block of a token, which is finer than torchao's one asymmetric range a token.
 */
export function intxTensorFormat(layout: IntxTensorLayout): TorchAoFormat {
  const { inFeatures, groupSize, targetDtype, dtype, scaleDtype, mapping } = layout
  const bits = bitsOf(targetDtype)
  const format: TorchAoFormat = {
    name: `${targetDtype} per ${groupSize === inFeatures ? 'row' : `group of ${groupSize}`}`,
    document: {
      type: INTX_TENSOR,
      fields: {
        target_dtype: dtypeValue(targetDtype),
        block_size: [1, groupSize],
        dtype: dtypeValue(dtype),
        activation_quantization: INT8_ASYM_PER_TOKEN,
      },
      dataNames: ['qdata', 'scale', 'zero_point'],
    },
    ...groupedCodes({ ...layout, bits }),
  }
  if (mapping === undefined) return format
  const params = { groupSize, bits, mapping: KERNEL_MAPPING[mapping], eps: 'tiny' as const, scaleDtype }
  return {
    ...format,
    quantize(rows, out, weight) {
      const extent = { dtype: weight.dtype, rows: rows.count, columns: inFeatures }
      reference.intGroups({ ...params, ...extent }, [rowBytes(rows, weight)], outputBytes(out))
    },
    quantizeKernel: () => ({ kernel: 'intGroups', params, components: [QDATA, SCALE, ZERO_POINT] }),
  }
}

/** What tells two tensors of the class apart. */
export const describeIntxTensor = (targetDtype: IntDtype, groupSize: number): string =>
  `${INTX_TENSOR} of ${targetDtype} with a scale for every ${groupSize} weights of a row, activations ${INT8_ASYM_PER_TOKEN}`

/** How the class is read from a file. */
export const intxTensor: TensorClass = {
  className: INTX_TENSOR,
  attributes: ['target_dtype', 'block_size', 'dtype', 'activation_quantization'],
  requiredData: ['qdata', 'scale', 'zero_point'],
  optionalData: [],
  bits: (fields, tensor) => {
    const target = targetDtype(fields)
    if (target === undefined)
      throw badAttribute(tensor, 'target_dtype', fields.target_dtype, INT_DTYPES.join(', '))
    const { activation_quantization: activations = null } = fields
    if (activations !== null && activations !== INT8_ASYM_PER_TOKEN) {
      throw badAttribute(tensor, 'activation_quantization', activations, `null or "${INT8_ASYM_PER_TOKEN}"`)
    }
    return bitsOf(target)
  },
  unsupported: ({ activation_quantization: activations = null }) =>
    activations === null ? 'IntxWeightOnlyConfig' : undefined,
  describe: (fields, groupSize) => describeIntxTensor(targetDtype(fields)!, groupSize),
  format: (fields, stored) =>
    intxTensorFormat({ ...stored, targetDtype: targetDtype(fields)!, dtype: presentedDtype(fields) }),
}

export const targetDtype = ({ target_dtype: value }: Fields): IntDtype | undefined =>
  INT_DTYPES.find((known) => known === dtypeName(value))
