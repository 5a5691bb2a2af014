import type { Skip, WeightInfo } from '@hfquant/core'
import { wrong } from '../encoding/decode.js'
import { type ObjectValue, objectValue, type Value } from '../encoding/values.js'
import { describeInt8Tensor, int8TensorFormat } from '../tensors/int8-tensor.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'
import type { ConfigClass, TorchAoBaseConfig } from './base-config.js'
import {
  blockOf,
  encodeGranularity,
  type PerGroup,
  type PerRow,
  type PerTensor,
  perGroup,
  perRow,
  readGranularity,
  showGranularity,
} from './granularity.js'
import { notQuantizable, skipUneven } from './not-quantizable.js'
import { readFlag, refuseUnknownFields } from './read-fields.js'

type Int8Granularity = PerTensor | PerRow | PerGroup

export interface Int8WeightOnlyOptions {
  /** Version 1 only; version 2 states it as granularity. */
  readonly groupSize?: number | null
  /** Default: per row. null stands for the field's absence in files of release 0.14 and older. */
  readonly granularity?: Int8Granularity | null
  /** Without effect here, kept for Python. */
  readonly setInductorConfig?: boolean
  /** 2 by default. 1 can be read and written back, not quantized with. */
  readonly version?: 1 | 2
}

const CLASS_NAME = 'Int8WeightOnlyConfig'

/**
 * Int8 weights with one scale a row, a group of a row, or the whole weight, symmetric; activations stay float. The
 * arithmetic is that of torchao 0.18.
 *
 * @throws ConfigError when version 2 is given a `groupSize`.
 */
export class Int8WeightOnlyConfig implements TorchAoBaseConfig {
  readonly className = CLASS_NAME
  readonly groupSize: number | null
  readonly granularity: Int8Granularity | null
  readonly setInductorConfig: boolean
  readonly version: 1 | 2

  constructor(options: Int8WeightOnlyOptions = {}) {
    const { groupSize = null, granularity = perRow(), setInductorConfig = true, version = 2 } = options
    if (version === 2 && groupSize !== null) {
      throw wrong('FIELD_VALUE', 'group_size', groupSize, 'null; version 2 says granularity: PerGroup(n)')
    }
    this.groupSize = groupSize
    this.granularity = granularity
    this.setInductorConfig = setInductorConfig
    this.version = version
  }

  encoded(): ObjectValue {
    const granularity = this.granularity === null ? {} : { granularity: encodeGranularity(this.granularity) }
    const fields = { group_size: this.groupSize, ...granularity, set_inductor_config: this.setInductorConfig }
    return objectValue(CLASS_NAME, fields, this.version)
  }

  describe(): string {
    return `${CLASS_NAME}(${showGranularity(this.extent())})`
  }

  storedAs(weight: WeightInfo): string {
    return describeInt8Tensor(blockOf(this.extent(), weight))
  }

  formatFor(weight: WeightInfo): TorchAoFormat | Skip {
    if (this.version !== 2) {
      const expected = `${CLASS_NAME} of version 2`
      throw notQuantizable(`version ${this.version} of ${CLASS_NAME}`, expected, `Use new ${CLASS_NAME}().`)
    }
    const block = blockOf(this.extent(), weight)
    if (weight.inFeatures % block.groupSize !== 0) return skipUneven(weight.inFeatures, block.groupSize)
    return int8TensorFormat(weight, block)
  }

  /** Version 1 goes by `groupSize` alone, where there is one. */
  private extent(): Int8Granularity {
    return this.groupSize === null ? (this.granularity ?? perRow()) : perGroup(this.groupSize)
  }
}

export const int8WeightOnly: ConfigClass = {
  className: CLASS_NAME,
  versions: [1, 2],
  read(fields, version, path) {
    refuseUnknownFields(fields, ['group_size', 'granularity', 'set_inductor_config'], path)
    const { group_size: groupSize = null, granularity } = fields
    if (groupSize !== null && (!isPositive(groupSize) || version === 2)) {
      const expected = version === 2 ? 'null; version 2 says granularity: PerGroup(n)' : 'a positive integer'
      throw wrong('FIELD_VALUE', `${path}.group_size`, groupSize, expected)
    }
    return new Int8WeightOnlyConfig({
      groupSize,
      granularity: readInt8Granularity(granularity, version, `${path}.granularity`),
      setInductorConfig: readFlag(fields.set_inductor_config, true, `${path}.set_inductor_config`),
      version: version as 1 | 2,
    })
  },
}

function readInt8Granularity(value: Value | undefined, version: number, field: string) {
  if (value === undefined) return version === 1 ? null : perRow()
  return readGranularity(value, field, ['PerRow', 'PerGroup', 'PerTensor'])
}

const isPositive = (value: Value): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0
