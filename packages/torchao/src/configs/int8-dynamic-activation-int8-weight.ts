import type { Skip, WeightInfo } from '@hfquant/core'
import { wrong } from '../encoding/decode.js'
import { enumValue, type Fields, type ObjectValue, objectValue, type Value } from '../encoding/values.js'
import type { Int8Activations } from '../tensors/int8-activations.js'
import { describeInt8Tensor, int8TensorFormat } from '../tensors/int8-tensor.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'
import type { ConfigClass, TorchAoBaseConfig } from './base-config.js'
import {
  blockOf,
  encodeGranularity,
  type PerRow,
  type PerTensor,
  perRow,
  readGranularity,
  showGranularity,
} from './granularity.js'
import { notQuantizable } from './not-quantizable.js'
import { isLayout, readFlag, readMember, refuseUnknownFields } from './read-fields.js'

type Int8Granularity = PerTensor | PerRow

export interface Int8DynamicActivationInt8WeightOptions {
  readonly actMappingType?: 'SYMMETRIC' | 'ASYMMETRIC'
  /** Without effect here, kept for Python. */
  readonly weightOnlyDecode?: boolean
  /**
   * Of activations (per row: for each token) and weights, or a pair of both. Default: per row. null stands for the
   * field's absence in files of release 0.14 and older.
   */
  readonly granularity?:
    | Int8Granularity
    | readonly [activation: Int8Granularity, weight: Int8Granularity]
    | null
  /** Without effect here, kept for Python. */
  readonly setInductorConfig?: boolean
  /** Codes keep to -64..63, for processors whose products overflow; this runtime does not need it. */
  readonly reduceRange?: boolean
  /** 2 by default. 1 can be read and written back, not quantized with. */
  readonly version?: 1 | 2
}

const CLASS_NAME = 'Int8DynamicActivationInt8WeightConfig'

/** Int8 weights, symmetric, and activations that are rounded to int8 while the model runs, each token on its own. */
export class Int8DynamicActivationInt8WeightConfig implements TorchAoBaseConfig {
  readonly className = CLASS_NAME
  readonly actMappingType: 'SYMMETRIC' | 'ASYMMETRIC'
  readonly weightOnlyDecode: boolean
  readonly granularity: NonNullable<Int8DynamicActivationInt8WeightOptions['granularity']> | null
  readonly setInductorConfig: boolean
  readonly reduceRange: boolean
  readonly version: 1 | 2
  /** `layout` of release 0.17 and older. */
  private readonly historical: Fields

  /** @param historical fields of an older release, to be written back. */
  constructor(options: Int8DynamicActivationInt8WeightOptions = {}, historical: Fields = {}) {
    const { granularity = perRow(), version = 2 } = options
    this.actMappingType = options.actMappingType ?? 'SYMMETRIC'
    this.weightOnlyDecode = options.weightOnlyDecode ?? false
    this.granularity = granularity
    this.setInductorConfig = options.setInductorConfig ?? true
    this.reduceRange = options.reduceRange ?? false
    this.version = version
    this.historical = historical
  }

  encoded(): ObjectValue {
    const { granularity } = this
    const fields: Fields = {
      ...this.historical,
      act_mapping_type: enumValue('MappingType', this.actMappingType),
      weight_only_decode: this.weightOnlyDecode,
      ...(granularity === null ? {} : { granularity: encodeBoth(granularity) }),
      set_inductor_config: this.setInductorConfig,
      ...(this.version === 1 ? {} : { reduce_range: this.reduceRange }),
    }
    return objectValue(CLASS_NAME, fields, this.version)
  }

  describe(): string {
    const [activation, weight] = this.both()
    return `${CLASS_NAME}(${showGranularity(weight)}, activations ${showGranularity(activation)} ${this.actMappingType})`
  }

  storedAs(weight: WeightInfo): string {
    return describeInt8Tensor(blockOf(this.both()[1], weight), this.activations())
  }

  formatFor(weight: WeightInfo): TorchAoFormat | Skip {
    if (this.version !== 2) {
      const expected = `${CLASS_NAME} of version 2`
      throw notQuantizable(`version ${this.version} of ${CLASS_NAME}`, expected, `Use new ${CLASS_NAME}().`)
    }
    return int8TensorFormat(weight, {
      ...blockOf(this.both()[1], weight),
      reduceRange: this.reduceRange,
      activations: this.activations(),
    })
  }

  private activations(): Int8Activations {
    return {
      granularity: this.both()[0].type,
      mapping: this.actMappingType,
      reduceRange: this.reduceRange,
    }
  }

  private both(): readonly [activation: Int8Granularity, weight: Int8Granularity] {
    const granularity = this.granularity ?? perRow()
    return isPair(granularity) ? granularity : [granularity, granularity]
  }
}

type Both = Exclude<Int8DynamicActivationInt8WeightConfig['granularity'], null>

const isPair = (granularity: Both): granularity is readonly [Int8Granularity, Int8Granularity] =>
  Array.isArray(granularity)

const encodeBoth = (granularity: Both): Value =>
  isPair(granularity) ? granularity.map(encodeGranularity) : encodeGranularity(granularity)

const FIELDS = [
  'act_mapping_type',
  'weight_only_decode',
  'granularity',
  'set_inductor_config',
  'reduce_range',
]

export const int8DynamicActivationInt8Weight: ConfigClass = {
  className: CLASS_NAME,
  versions: [1, 2],
  read(fields, version, path) {
    refuseUnknownFields(fields, FIELDS, path, { layout: isLayout('PlainLayout') })
    const at = (name: string) => `${path}.${name}`
    const mappings = ['SYMMETRIC', 'ASYMMETRIC'] as const
    return new Int8DynamicActivationInt8WeightConfig(
      {
        actMappingType: readMember(
          fields.act_mapping_type,
          'MappingType',
          mappings,
          'SYMMETRIC',
          at('act_mapping_type'),
        ),
        weightOnlyDecode: readFlag(fields.weight_only_decode, false, at('weight_only_decode')),
        granularity: readBoth(fields.granularity, version, at('granularity')),
        setInductorConfig: readFlag(fields.set_inductor_config, true, at('set_inductor_config')),
        reduceRange: readFlag(fields.reduce_range, false, at('reduce_range')),
        version: version as 1 | 2,
      },
      fields.layout === undefined ? {} : { layout: fields.layout },
    )
  },
}

function readBoth(value: Value | undefined, version: number, field: string): Both | null {
  if (value === undefined) return version === 1 ? null : perRow()
  const read = (one: Value, at: string) => readGranularity(one, at, ['PerRow', 'PerTensor'])
  if (!Array.isArray(value)) return read(value, field)
  const [activation, weight, ...rest] = value as readonly Value[]
  if (activation === undefined || weight === undefined || rest.length > 0) {
    throw wrong('FIELD_VALUE', field, `a list of ${value.length}`, 'a list of two: activation, weight')
  }
  return [read(activation, `${field}[0]`), read(weight, `${field}[1]`)]
}
