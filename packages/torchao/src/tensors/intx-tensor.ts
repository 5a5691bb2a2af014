import type { FloatDtype, WeightInfo } from '@hfquant/core'
import type { IntMapping } from '@hfquant/kernels'
import { dtypeValue, type Fields } from '../encoding/values.js'
import { lowerGather, lowerMatMulNBits, matMulNBitsBlock } from '../lower/mat-mul-n-bits.js'
import { badAttribute, dtypeName, expectFloatDtype } from './document-fields.js'
import { type GroupedCodes, groupedCodes, quantizeGroups, readGroupedCodes } from './grouped-codes.js'
import { readBlock } from './stored-parts.js'
import type { TensorClass } from './tensor-class.js'
import type { AffineScheme, TensorDocument, TorchAoFormat } from './torchao-format.js'

export const INTX_TENSOR = 'IntxUnpackedToInt8Tensor'

/** `activation_quantization` of a tensor whose inputs are quantized to int8 for each token, asymmetric. */
export const INT8_ASYM_PER_TOKEN = 'int8_asym_per_token'

export const INT_DTYPES = ['int1', 'int2', 'int3', 'int4', 'int5', 'int6', 'int7', 'int8'] as const
export type IntDtype = (typeof INT_DTYPES)[number]

const bitsOf = (dtype: IntDtype): number => INT_DTYPES.indexOf(dtype) + 1

export type IntxMapping = 'SYMMETRIC' | 'SYMMETRIC_NO_CLIPPING_ERR' | 'ASYMMETRIC'

const KERNEL_MAPPING: Readonly<Record<IntxMapping, IntMapping>> = {
  SYMMETRIC: 'symmetric',
  SYMMETRIC_NO_CLIPPING_ERR: 'symmetricNoClippingErr',
  ASYMMETRIC: 'asymmetric',
}

export interface IntxTensorOptions {
  readonly groupSize: number
  readonly targetDtype: IntDtype
  readonly scaleDtype: FloatDtype
  readonly mapping: IntxMapping
  /** True: activations are rounded to int8 for each token. */
  readonly dynamicActivations: boolean
}

/**
 * The IntxUnpackedToInt8Tensor that a weight becomes: codes of 1 to 8 bits, one to a byte; scale in the dtype of the
 * weight unless told otherwise, at least the smallest normal number of that dtype.
 *
 * The quantization of activations is the runtime's: `MatMulNBits` with accuracy level 4 rounds them to int8,
 * symmetrically and for each block of a token, which is finer than torchao's one asymmetric range a token.
 */
export function intxTensorFormat(weight: WeightInfo, options: IntxTensorOptions): TorchAoFormat {
  const { inFeatures, dtype } = weight
  const { groupSize, targetDtype, scaleDtype, mapping, dynamicActivations } = options
  const bits = bitsOf(targetDtype)
  const document = {
    type: INTX_TENSOR,
    fields: {
      target_dtype: dtypeValue(targetDtype),
      block_size: [1, groupSize],
      dtype: dtypeValue(dtype),
      activation_quantization: dynamicActivations ? INT8_ASYM_PER_TOKEN : null,
    },
    dataNames: ['qdata', 'scale', 'zero_point'],
  }
  const zeroPoint = mapping === 'ASYMMETRIC' ? 'values' : 'zeros'
  const codes = { inFeatures, groupSize, shared: false, bits, scaleDtype, zeroPoint } as const
  const scheme: AffineScheme = {
    ...{ kind: 'affine', groupSize, shared: false, bits },
    ...{ mapping: KERNEL_MAPPING[mapping], eps: 'tiny', scaleDtype },
  }
  return { ...storedIntx(codes, document), ...quantizeGroups(scheme), scheme }
}

function storedIntx(codes: GroupedCodes, document: TensorDocument): TorchAoFormat {
  const { groupSize, inFeatures } = codes
  const target = targetDtype(document.fields)!
  return {
    name: `${target} per ${groupSize === inFeatures ? 'row' : `group of ${groupSize}`}`,
    storedAs: describeIntxTensor(target, groupSize, hasDynamicActivations(document.fields)),
    document,
    ...groupedCodes(codes),
    ...(matMulNBitsBlock(groupSize, inFeatures) === undefined ? {} : { lower: lowerMatMulNBits(codes) }),
    lowerEmbedding: lowerGather(codes),
  }
}

/** What a config determines about the class. */
export const describeIntxTensor = (
  targetDtype: IntDtype,
  groupSize: number,
  dynamicActivations: boolean,
): string =>
  `${INTX_TENSOR} of ${targetDtype} with a scale for every ${groupSize} weights of a row, activations ${
    dynamicActivations ? INT8_ASYM_PER_TOKEN : 'float'
  }`

/** How the class is read from a file. */
export const intxTensor: TensorClass = {
  className: INTX_TENSOR,
  attributes: ['target_dtype', 'block_size', 'dtype', 'activation_quantization'],
  requiredData: ['qdata', 'scale', 'zero_point'],
  optionalData: [],
  check(fields, tensor) {
    expectFloatDtype(fields, tensor)
    if (targetDtype(fields) === undefined) {
      throw badAttribute(tensor, 'target_dtype', fields.target_dtype, INT_DTYPES.join(', '))
    }
    const { activation_quantization: activations = null } = fields
    if (activations !== null && activations !== INT8_ASYM_PER_TOKEN) {
      throw badAttribute(tensor, 'activation_quantization', activations, `null or "${INT8_ASYM_PER_TOKEN}"`)
    }
  },
  async format(parts) {
    const bits = bitsOf(targetDtype(parts.document.fields)!)
    return storedIntx(await readGroupedCodes(parts, readBlock(parts, false), bits), parts.document)
  },
}

export const targetDtype = ({ target_dtype: value }: Fields): IntDtype | undefined =>
  INT_DTYPES.find((known) => known === dtypeName(value))

export const hasDynamicActivations = ({ activation_quantization: value = null }: Fields): boolean =>
  value !== null
