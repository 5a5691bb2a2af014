import { CapabilityError, type FloatDtype, type Skip, skip, type WeightInfo } from '@hfquant/core'
import { dtypeValue, enumValue, type ObjectValue, objectValue } from '../encoding/values.js'
import { describeIntxTensor, INT_DTYPES, type IntDtype, intxTensorFormat } from '../tensors/intx-tensor.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'
import type { ConfigClass, TorchAoBaseConfig } from './base-config.js'
import {
  encodeGranularity,
  groupSizeOf,
  type PerAxis,
  type PerGroup,
  perGroup,
  readGranularity,
  showGranularity,
} from './granularity.js'
import { isLayout, readDtype, readMember, refuseUnknownFields } from './read-fields.js'

const MAPPING_TYPES = ['SYMMETRIC', 'SYMMETRIC_NO_CLIPPING_ERR', 'ASYMMETRIC'] as const
export type MappingType = (typeof MAPPING_TYPES)[number]

const INTX_PACKING_FORMATS = [
  'UNPACKED_TO_INT8',
  'OPAQUE_ATEN_KLEIDIAI',
  'OPAQUE_TORCHAO_AUTO',
  'OPAQUE_TORCHAO_KLEIDIAI',
  'OPAQUE_TORCHAO_LOWBIT',
] as const
export type IntxPackingFormat = (typeof INTX_PACKING_FORMATS)[number]

const INTX_ALGORITHMS = ['AFFINE', 'HQQ_SCALE_ONLY'] as const
export type IntxChooseQParamsAlgorithm = (typeof INTX_ALGORITHMS)[number]

const FLOATS: readonly FloatDtype[] = ['float32', 'bfloat16', 'float16']

type IntxGranularity = PerAxis | PerGroup

export interface Int8DynamicActivationIntxWeightOptions {
  /** int1 to int8; default int8. */
  readonly weightDtype?: IntDtype
  /** Default: groups of 32. */
  readonly weightGranularity?: IntxGranularity
  readonly weightMappingType?: MappingType
  /** null: the dtype of the weight. */
  readonly weightScaleDtype?: FloatDtype | null
  /** Activations have no other mapping. */
  readonly actMappingType?: 'ASYMMETRIC'
  readonly intxPackingFormat?: IntxPackingFormat
  readonly intxChooseQparamsAlgorithm?: IntxChooseQParamsAlgorithm
  /** 2 by default. 1 can be read and written back, not quantized with. */
  readonly version?: 1 | 2
}

const CLASS_NAME = 'Int8DynamicActivationIntxWeightConfig'

/**
 * Weights of 1 to 8 bits in groups of a row, one code to an int8 byte; activations int8 for each token, asymmetric.
 *
 * On the fast path ONNX Runtime quantizes the activations itself, symmetrically and for each block of a token instead
 * of for the whole token: finer than torchao, and not equal to it in the last digits.
 */
export class Int8DynamicActivationIntxWeightConfig implements TorchAoBaseConfig {
  readonly className = CLASS_NAME
  readonly weightDtype: IntDtype
  readonly weightGranularity: IntxGranularity
  readonly weightMappingType: MappingType
  readonly weightScaleDtype: FloatDtype | null
  readonly actMappingType = 'ASYMMETRIC'
  readonly intxPackingFormat: IntxPackingFormat
  readonly intxChooseQparamsAlgorithm: IntxChooseQParamsAlgorithm
  readonly version: 1 | 2

  constructor(options: Int8DynamicActivationIntxWeightOptions = {}) {
    this.weightDtype = options.weightDtype ?? 'int8'
    this.weightGranularity = options.weightGranularity ?? perGroup(32)
    this.weightMappingType = options.weightMappingType ?? 'SYMMETRIC'
    this.weightScaleDtype = options.weightScaleDtype ?? null
    this.intxPackingFormat = options.intxPackingFormat ?? 'UNPACKED_TO_INT8'
    this.intxChooseQparamsAlgorithm = options.intxChooseQparamsAlgorithm ?? 'AFFINE'
    this.version = options.version ?? 2
  }

  encoded(): ObjectValue {
    const fields = {
      weight_dtype: dtypeValue(this.weightDtype),
      weight_granularity: encodeGranularity(this.weightGranularity),
      weight_mapping_type: enumValue('MappingType', this.weightMappingType),
      weight_scale_dtype: this.weightScaleDtype === null ? null : dtypeValue(this.weightScaleDtype),
      act_mapping_type: enumValue('MappingType', this.actMappingType),
      intx_packing_format: enumValue('IntxPackingFormat', this.intxPackingFormat),
      intx_choose_qparams_algorithm: enumValue('IntxChooseQParamsAlgorithm', this.intxChooseQparamsAlgorithm),
    }
    return objectValue(CLASS_NAME, fields, this.version)
  }

  describe(): string {
    return `${CLASS_NAME}(${this.weightDtype}, ${showGranularity(this.weightGranularity)})`
  }

  storedAs(inFeatures: number): string {
    return describeIntxTensor(this.weightDtype, groupSizeOf(this.weightGranularity, inFeatures)!)
  }

  formatFor({ inFeatures, dtype }: WeightInfo): TorchAoFormat | Skip {
    this.refuseUnquantizable()
    const groupSize = groupSizeOf(this.weightGranularity, inFeatures)!
    if (inFeatures % groupSize !== 0) {
      return skip(`its ${inFeatures} input features are not a multiple of the group size ${groupSize}`)
    }
    return intxTensorFormat({
      inFeatures,
      groupSize,
      targetDtype: this.weightDtype,
      dtype,
      scaleDtype: this.weightScaleDtype ?? dtype,
      zeroPoint: this.weightMappingType === 'ASYMMETRIC' ? 'values' : 'zeros',
      mapping: this.weightMappingType,
    })
  }

  private refuseUnquantizable(): void {
    const { version, intxPackingFormat, intxChooseQparamsAlgorithm } = this
    const refused =
      version !== 2
        ? `version ${version}`
        : intxPackingFormat !== 'UNPACKED_TO_INT8'
          ? `the packing format ${intxPackingFormat}`
          : intxChooseQparamsAlgorithm !== 'AFFINE'
            ? `the algorithm ${intxChooseQparamsAlgorithm}`
            : this.weightDtype === 'int1' && this.weightMappingType === 'SYMMETRIC_NO_CLIPPING_ERR'
              ? 'int1 and SYMMETRIC_NO_CLIPPING_ERR'
              : undefined
    if (refused === undefined) return
    throw new CapabilityError(
      'CONFIG_NOT_QUANTIZABLE',
      `${CLASS_NAME} with ${refused} can be read, but weights cannot be quantized with it`,
      {
        field: 'quant_type',
        found: refused,
        expected: 'version 2, UNPACKED_TO_INT8, AFFINE',
        hint: `Leave it out: new ${CLASS_NAME}({ weightDtype: '${this.weightDtype}' }).`,
      },
    )
  }
}

const FIELDS = [
  'weight_dtype',
  'weight_granularity',
  'weight_mapping_type',
  'weight_scale_dtype',
  'act_mapping_type',
  'intx_packing_format',
  'intx_choose_qparams_algorithm',
]

export const int8DynamicActivationIntxWeight: ConfigClass = {
  className: CLASS_NAME,
  versions: [1, 2],
  read(fields, version, path) {
    refuseUnknownFields(fields, FIELDS, path, { layout: isLayout('QDQLayout') })
    const at = (name: string) => `${path}.${name}`
    const { weight_dtype: weightDtype, weight_granularity: granularity, weight_scale_dtype: scale } = fields
    readMember(
      fields.act_mapping_type,
      'MappingType',
      ['ASYMMETRIC'] as const,
      'ASYMMETRIC',
      at('act_mapping_type'),
    )
    return new Int8DynamicActivationIntxWeightConfig({
      ...(weightDtype === undefined
        ? {}
        : { weightDtype: readDtype(weightDtype, INT_DTYPES, at('weight_dtype')) }),
      ...(granularity === undefined
        ? {}
        : {
            weightGranularity: readGranularity(granularity, at('weight_granularity'), [
              'PerGroup',
              'PerAxis',
            ]),
          }),
      weightMappingType: readMember(
        fields.weight_mapping_type,
        'MappingType',
        MAPPING_TYPES,
        'SYMMETRIC',
        at('weight_mapping_type'),
      ),
      weightScaleDtype: scale == null ? null : readDtype(scale, FLOATS, at('weight_scale_dtype')),
      intxPackingFormat: readMember(
        fields.intx_packing_format,
        'IntxPackingFormat',
        INTX_PACKING_FORMATS,
        'UNPACKED_TO_INT8',
        at('intx_packing_format'),
      ),
      intxChooseQparamsAlgorithm: readMember(
        fields.intx_choose_qparams_algorithm,
        'IntxChooseQParamsAlgorithm',
        INTX_ALGORITHMS,
        'AFFINE',
        at('intx_choose_qparams_algorithm'),
      ),
      version: version as 1 | 2,
    })
  },
}
