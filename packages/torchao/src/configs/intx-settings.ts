import type { FloatDtype, Skip, WeightInfo } from '@hfquant/core'
import { enumValue, type Fields, type Value } from '../encoding/values.js'
import { INT_DTYPES, type IntDtype, intxTensorFormat } from '../tensors/intx-tensor.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'
import { blockOf, type PerAxis, type PerGroup, readGranularity } from './granularity.js'
import { notQuantizable, skipUneven } from './not-quantizable.js'
import { readDtype, readMember } from './read-fields.js'

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

export type IntxGranularity = PerAxis | PerGroup

/** What the two configs for 1 to 8 bits have in common; their fields are called differently. */
export interface IntxSettings {
  readonly className: string
  readonly version: 1 | 2
  readonly weightDtype: IntDtype
  readonly granularity: IntxGranularity
  readonly mappingType: MappingType
  /** null: the dtype of the weight. */
  readonly scaleDtype: FloatDtype | null
  readonly packingFormat: IntxPackingFormat
  readonly algorithm: IntxChooseQParamsAlgorithm
}

/** @throws CapabilityError CONFIG_NOT_QUANTIZABLE for what can only be read. */
export function intxFormat(
  settings: IntxSettings,
  weight: WeightInfo,
  dynamicActivations: boolean,
): TorchAoFormat | Skip {
  refuseUnquantizable(settings)
  const { groupSize } = blockOf(settings.granularity, weight)
  if (weight.inFeatures % groupSize !== 0) return skipUneven(weight.inFeatures, groupSize)
  return intxTensorFormat(weight, {
    groupSize,
    targetDtype: settings.weightDtype,
    scaleDtype: settings.scaleDtype ?? weight.dtype,
    mapping: settings.mappingType,
    dynamicActivations,
  })
}

function refuseUnquantizable(settings: IntxSettings): void {
  const { className, version, packingFormat, algorithm, weightDtype, mappingType } = settings
  const refused =
    version !== 2
      ? `version ${version}`
      : packingFormat !== 'UNPACKED_TO_INT8'
        ? `the packing format ${packingFormat}`
        : algorithm !== 'AFFINE'
          ? `the algorithm ${algorithm}`
          : weightDtype === 'int1' && mappingType === 'SYMMETRIC_NO_CLIPPING_ERR'
            ? 'int1 and SYMMETRIC_NO_CLIPPING_ERR'
            : undefined
  if (refused === undefined) return
  const hint = `Leave it out: new ${className}({ weightDtype: '${weightDtype}' }).`
  throw notQuantizable(`${className} with ${refused}`, 'version 2, UNPACKED_TO_INT8, AFFINE', hint)
}

export const readIntDtype = (value: Value | undefined, field: string): IntDtype =>
  value === undefined ? 'int8' : readDtype(value, INT_DTYPES, field)

export const readIntxGranularity = (
  value: Value | undefined,
  fallback: IntxGranularity,
  field: string,
): IntxGranularity =>
  value === undefined ? fallback : readGranularity(value, field, ['PerGroup', 'PerAxis'])

const FLOATS: readonly FloatDtype[] = ['float32', 'bfloat16', 'float16']

export const readScaleDtype = (value: Value | undefined, field: string): FloatDtype | null =>
  value == null ? null : readDtype(value, FLOATS, field)

export const readMapping = (value: Value | undefined, field: string): MappingType =>
  readMember(value, 'MappingType', MAPPING_TYPES, 'SYMMETRIC', field)

/** How codes are packed and chosen: the fields that both configs call alike. */
export interface IntxFormat {
  readonly intxPackingFormat: IntxPackingFormat
  readonly intxChooseQparamsAlgorithm: IntxChooseQParamsAlgorithm
}

export const encodeIntxFormat = (format: IntxFormat): Fields => ({
  intx_packing_format: enumValue('IntxPackingFormat', format.intxPackingFormat),
  intx_choose_qparams_algorithm: enumValue('IntxChooseQParamsAlgorithm', format.intxChooseQparamsAlgorithm),
})

export function readIntxFormat(fields: Fields, path: string): IntxFormat {
  return {
    intxPackingFormat: readMember(
      fields.intx_packing_format,
      'IntxPackingFormat',
      INTX_PACKING_FORMATS,
      'UNPACKED_TO_INT8',
      `${path}.intx_packing_format`,
    ),
    intxChooseQparamsAlgorithm: readMember(
      fields.intx_choose_qparams_algorithm,
      'IntxChooseQParamsAlgorithm',
      INTX_ALGORITHMS,
      'AFFINE',
      `${path}.intx_choose_qparams_algorithm`,
    ),
  }
}
