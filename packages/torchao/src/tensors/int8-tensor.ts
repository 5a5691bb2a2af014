import {
  CheckpointError,
  type Component,
  type FinalShapes,
  type QuantizedFormat,
  type WeightInfo,
} from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
import type { ScaleBlock } from '../configs/granularity.js'
import { dtypeValue, type Fields } from '../encoding/values.js'
import { lowerDynamicInt8 } from '../lower/dynamic-int8.js'
import { lowerGather, lowerMatMulNBits, matMulNBitsBlock } from '../lower/mat-mul-n-bits.js'
import { badAttribute, expectFloatDtype } from './document-fields.js'
import {
  type GroupedCodes,
  groupedCodes,
  outputBytes,
  quantizeGroups,
  readGroupedCodes,
  rowBytes,
} from './grouped-codes.js'
import {
  describeActivations,
  encodeActivations,
  type Int8Activations,
  readActivations,
} from './int8-activations.js'
import { readBlock } from './stored-parts.js'
import type { TensorClass } from './tensor-class.js'
import type { AffineScheme, TensorDocument, TorchAoFormat } from './torchao-format.js'

export const INT8_TENSOR = 'Int8Tensor'

export interface Int8TensorOptions extends ScaleBlock {
  /** Codes keep to -64..63. */
  readonly reduceRange?: boolean
  /** Absent: activations stay float. */
  readonly activations?: Int8Activations
}

/**
 * The Int8Tensor that a weight becomes: codes -128..127, symmetric; scale = largest magnitude of the block / 127.5,
 * computed in the dtype of the weight, at least 2^-23, stored as float32; zero points 0.
 */
export function int8TensorFormat(weight: WeightInfo, options: Int8TensorOptions): TorchAoFormat {
  const { inFeatures, outFeatures, dtype } = weight
  const { groupSize, shared, reduceRange = false, activations } = options
  const codes: GroupedCodes = {
    ...{ inFeatures, groupSize, shared, bits: 8 },
    scaleDtype: 'float32',
    zeroPoint: 'zeros',
  }
  const document: TensorDocument = {
    type: INT8_TENSOR,
    fields: {
      act_quant_kwargs: activations === undefined ? null : encodeActivations(activations),
      reduce_range: reduceRange,
      block_size: [shared ? outFeatures : 1, groupSize],
      dtype: dtypeValue(dtype),
    },
    dataNames: ['zero_point', 'qdata', 'scale'],
  }
  const scheme: AffineScheme = {
    ...{ kind: 'affine', groupSize, shared, bits: reduceRange ? 7 : 8 },
    ...{ mapping: 'symmetric', eps: 'float32Epsilon', scaleDtype: 'float32' },
  }
  return {
    ...storedInt8(codes, document, activations),
    ...(shared ? quantizeWhole(scheme) : quantizeGroups(scheme)),
    scheme,
  }
}

type Making = Pick<QuantizedFormat, 'quantize' | 'quantizeKernel' | 'scratch' | 'finish'>

const SOURCE = '_weight_source'

/** One scale for all rows is known when all of them have been read: they are kept until then. */
function quantizeWhole({ bits, mapping, eps, scaleDtype }: AffineScheme): Making {
  return {
    scratch: ({ outFeatures, inFeatures, dtype }): readonly Component[] => [
      { key: SOURCE, dtype, shape: [outFeatures, inFeatures] },
    ],
    quantize: (rows, out, weight) => out.bytes(SOURCE).set(rowBytes(rows, weight)),
    quantizeKernel: () => ({ kernel: 'copy', components: [SOURCE] }),
    finish(parts, { path, outFeatures, inFeatures, dtype }): FinalShapes | undefined {
      const size = outFeatures * inFeatures
      const extent = { dtype, rows: 1, columns: size, groupSize: size }
      const params = { ...extent, bits, mapping, eps, scaleDtype }
      const { nonFinite } = runKernel('intGroups', params, [parts.bytes(SOURCE)], outputBytes(parts))
      if (nonFinite === 0) return undefined
      throw new CheckpointError('TENSOR_NOT_FINITE', `"${path}.weight" holds NaN or infinity`, {
        tensor: `${path}.weight`,
        hint: 'No integer format can hold these values; repair the checkpoint, or skip the module.',
      })
    },
  }
}

function storedInt8(
  codes: GroupedCodes,
  document: TensorDocument,
  activations: Int8Activations | undefined,
): TorchAoFormat {
  const { groupSize, inFeatures, shared } = codes
  const extent = shared
    ? 'for the whole weight'
    : groupSize === inFeatures
      ? 'per row'
      : `per group of ${groupSize}`
  const lower = activations === undefined ? lowerWeightOnly(codes) : lowerDynamicInt8(codes, activations)
  return {
    name: `int8 ${extent}${activations === undefined ? '' : ', dynamic int8 activations'}`,
    storedAs: describeInt8Tensor(codes, activations),
    document,
    ...groupedCodes(codes),
    ...(lower === undefined ? {} : { lower }),
    lowerEmbedding: lowerGather(codes),
  }
}

const lowerWeightOnly = (codes: GroupedCodes): QuantizedFormat['lower'] =>
  matMulNBitsBlock(codes.groupSize, codes.inFeatures) === undefined ? undefined : lowerMatMulNBits(codes)

/** What a config determines about the class. */
export const describeInt8Tensor = (
  { groupSize, shared }: ScaleBlock,
  activations?: Int8Activations | undefined,
): string => {
  const extent = shared ? 'the whole weight' : `every ${groupSize} weights of a row`
  return `${INT8_TENSOR} with a scale for ${extent}${describeActivations(activations)}`
}

/** How the class is read from a file. */
export const int8Tensor: TensorClass = {
  className: INT8_TENSOR,
  attributes: ['act_quant_kwargs', 'reduce_range', 'block_size', 'dtype'],
  requiredData: ['qdata', 'scale'],
  optionalData: ['zero_point'],
  check(fields: Fields, tensor) {
    expectFloatDtype(fields, tensor)
    readActivations(fields.act_quant_kwargs, tensor)
    const { reduce_range: reduceRange = false } = fields
    if (typeof reduceRange !== 'boolean') {
      throw badAttribute(tensor, 'reduce_range', reduceRange, 'true or false')
    }
  },
  async format(parts) {
    const codes = await readGroupedCodes(parts, readBlock(parts, true), 8)
    const activations = readActivations(parts.document.fields.act_quant_kwargs, parts.tensor)
    return storedInt8(codes, parts.document, activations)
  },
}
