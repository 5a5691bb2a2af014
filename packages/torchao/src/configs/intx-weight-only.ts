import type { FloatDtype, Skip, WeightInfo } from '@hfquant/core'
import { dtypeValue, enumValue, type ObjectValue, objectValue } from '../encoding/values.js'
import { describeIntxTensor, type IntDtype } from '../tensors/intx-tensor.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'
import type { ConfigClass, TorchAoBaseConfig } from './base-config.js'
import { blockOf, encodeGranularity, perAxis, showGranularity } from './granularity.js'
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
import { isLayout, refuseUnknownFields } from './read-fields.js'

export interface IntxWeightOnlyOptions {
  /** int1 to int8; default int8. */
  readonly weightDtype?: IntDtype
  /** Default: per row, which this config calls per axis. */
  readonly granularity?: IntxGranularity
  readonly mappingType?: MappingType
  /** null: the dtype of the weight. */
  readonly scaleDtype?: FloatDtype | null
  readonly intxPackingFormat?: IntxPackingFormat
  readonly intxChooseQparamsAlgorithm?: IntxChooseQParamsAlgorithm
  /** 2 by default. 1 can be read and written back, not quantized with. */
  readonly version?: 1 | 2
}

const CLASS_NAME = 'IntxWeightOnlyConfig'

/** Weights of 1 to 8 bits per row or in groups of a row, one code to an int8 byte; activations stay float. */
export class IntxWeightOnlyConfig implements TorchAoBaseConfig {
  readonly className = CLASS_NAME
  readonly weightDtype: IntDtype
  readonly granularity: IntxGranularity
  readonly mappingType: MappingType
  readonly scaleDtype: FloatDtype | null
  readonly intxPackingFormat: IntxPackingFormat
  readonly intxChooseQparamsAlgorithm: IntxChooseQParamsAlgorithm
  readonly version: 1 | 2

  constructor(options: IntxWeightOnlyOptions = {}) {
    this.weightDtype = options.weightDtype ?? 'int8'
    this.granularity = options.granularity ?? perAxis()
    this.mappingType = options.mappingType ?? 'SYMMETRIC'
    this.scaleDtype = options.scaleDtype ?? null
    this.intxPackingFormat = options.intxPackingFormat ?? 'UNPACKED_TO_INT8'
    this.intxChooseQparamsAlgorithm = options.intxChooseQparamsAlgorithm ?? 'AFFINE'
    this.version = options.version ?? 2
  }

  encoded(): ObjectValue {
    const fields = {
      weight_dtype: dtypeValue(this.weightDtype),
      granularity: encodeGranularity(this.granularity),
      mapping_type: enumValue('MappingType', this.mappingType),
      scale_dtype: this.scaleDtype === null ? null : dtypeValue(this.scaleDtype),
      ...encodeIntxFormat(this),
    }
    return objectValue(CLASS_NAME, fields, this.version)
  }

  describe(): string {
    return `${CLASS_NAME}(${this.weightDtype}, ${showGranularity(this.granularity)})`
  }

  storedAs(weight: WeightInfo): string {
    return describeIntxTensor(this.weightDtype, blockOf(this.granularity, weight).groupSize, false)
  }

  formatFor(weight: WeightInfo): TorchAoFormat | Skip {
    const { intxPackingFormat: packingFormat, intxChooseQparamsAlgorithm: algorithm } = this
    return intxFormat({ ...this, packingFormat, algorithm }, weight, false)
  }
}

const FIELDS = [
  'weight_dtype',
  'granularity',
  'mapping_type',
  'scale_dtype',
  'intx_packing_format',
  'intx_choose_qparams_algorithm',
]

export const intxWeightOnly: ConfigClass = {
  className: CLASS_NAME,
  versions: [1, 2],
  read(fields, version, path) {
    refuseUnknownFields(fields, FIELDS, path, { layout: isLayout('QDQLayout') })
    const at = (name: string) => `${path}.${name}`
    return new IntxWeightOnlyConfig({
      weightDtype: readIntDtype(fields.weight_dtype, at('weight_dtype')),
      granularity: readIntxGranularity(fields.granularity, perAxis(), at('granularity')),
      mappingType: readMapping(fields.mapping_type, at('mapping_type')),
      scaleDtype: readScaleDtype(fields.scale_dtype, at('scale_dtype')),
      ...readIntxFormat(fields, path),
      version: version as 1 | 2,
    })
  },
}
