import type { FloatDtype, Skip, WeightInfo } from '@hfquant/core'
import { dtypeValue, enumValue, type ObjectValue, objectValue } from '../encoding/values.js'
import { describeIntxTensor, type IntDtype } from '../tensors/intx-tensor.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'
import type { ConfigClass, TorchAoBaseConfig } from './base-config.js'
import { blockOf, encodeGranularity, perGroup, showGranularity } from './granularity.js'
import {
  encodeIntxFormat,
  type IntxChooseQParamsAlgorithm,
  type IntxGranularity,
  type IntxPackingFormat,
  intxFormat,
  type MappingType,
  readIntDtype,
  readIntxFormat,
  readIntxGranularity,
  readMapping,
  readScaleDtype,
} from './intx-settings.js'
import { isLayout, readMember, refuseUnknownFields } from './read-fields.js'

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
      ...encodeIntxFormat(this),
    }
    return objectValue(CLASS_NAME, fields, this.version)
  }

  describe(): string {
    return `${CLASS_NAME}(${this.weightDtype}, ${showGranularity(this.weightGranularity)})`
  }

  storedAs(weight: WeightInfo): string {
    return describeIntxTensor(this.weightDtype, blockOf(this.weightGranularity, weight).groupSize, true)
  }

  formatFor(weight: WeightInfo): TorchAoFormat | Skip {
    const settings = {
      className: CLASS_NAME,
      version: this.version,
      weightDtype: this.weightDtype,
      granularity: this.weightGranularity,
      mappingType: this.weightMappingType,
      scaleDtype: this.weightScaleDtype,
      packingFormat: this.intxPackingFormat,
      algorithm: this.intxChooseQparamsAlgorithm,
    }
    return intxFormat(settings, weight, true)
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
    const onlyAsymmetric = ['ASYMMETRIC'] as const
    readMember(fields.act_mapping_type, 'MappingType', onlyAsymmetric, 'ASYMMETRIC', at('act_mapping_type'))
    const granularity = readIntxGranularity(fields.weight_granularity, perGroup(32), at('weight_granularity'))
    return new Int8DynamicActivationIntxWeightConfig({
      weightDtype: readIntDtype(fields.weight_dtype, at('weight_dtype')),
      weightGranularity: granularity,
      weightMappingType: readMapping(fields.weight_mapping_type, at('weight_mapping_type')),
      weightScaleDtype: readScaleDtype(fields.weight_scale_dtype, at('weight_scale_dtype')),
      ...readIntxFormat(fields, path),
      version: version as 1 | 2,
    })
  },
}
