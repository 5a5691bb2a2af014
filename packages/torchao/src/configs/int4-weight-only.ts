import type { Skip, WeightInfo } from '@hfquant/core'
import { wrong } from '../encoding/decode.js'
import { enumValue, type Fields, type ObjectValue, objectValue, type Value } from '../encoding/values.js'
import { describeInt4Tensor, int4TensorFormat } from '../tensors/int4-tensor.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'
import type { ConfigClass, TorchAoBaseConfig } from './base-config.js'
import { notQuantizable, skipUneven } from './not-quantizable.js'
import { isLayout, readFlag, readMember, refuseUnknownFields } from './read-fields.js'

const PACKING_FORMATS = ['PLAIN', 'PLAIN_INT32', 'TILE_PACKED_TO_4D', 'PRESHUFFLED'] as const
export type Int4PackingFormat = (typeof PACKING_FORMATS)[number]

const ALGORITHMS = ['TINYGEMM', 'HQQ'] as const
export type Int4ChooseQParamsAlgorithm = (typeof ALGORITHMS)[number]

/** Where the codes of each packing format go. */
const TENSORS: Readonly<Record<Exclude<Int4PackingFormat, 'PLAIN'>, string>> = {
  PLAIN_INT32: 'Int4PlainInt32Tensor',
  TILE_PACKED_TO_4D: 'Int4TilePackedTo4dTensor',
  PRESHUFFLED: 'Int4PreshuffledTensor',
}

export interface Int4WeightOnlyOptions {
  /** Default 128. An even number; torchao has kernels for 32, 64, 128 and 256. */
  readonly groupSize?: number
  /** Without effect here, kept for Python. */
  readonly setInductorConfig?: boolean
  /** Only PLAIN can be quantized with: the others depend on the processor that made them. */
  readonly int4PackingFormat?: Int4PackingFormat
  readonly int4ChooseQparamsAlgorithm?: Int4ChooseQParamsAlgorithm
  /** Of TILE_PACKED_TO_4D, kept for Python. */
  readonly int4TilePackedNtile?: 8 | 16
  /** 2 by default. 1 can be read and written back, not quantized with. */
  readonly version?: 1 | 2
}

const CLASS_NAME = 'Int4WeightOnlyConfig'

/**
 * Four-bit weights in groups of a row, two codes a byte, with a float offset in the place of a zero point; activations
 * stay float.
 */
export class Int4WeightOnlyConfig implements TorchAoBaseConfig {
  readonly className = CLASS_NAME
  readonly groupSize: number
  readonly setInductorConfig: boolean
  readonly int4PackingFormat: Int4PackingFormat
  readonly int4ChooseQparamsAlgorithm: Int4ChooseQParamsAlgorithm
  readonly int4TilePackedNtile: 8 | 16
  readonly version: 1 | 2

  /** @throws ConfigError unless `groupSize` is a positive integer. */
  constructor(options: Int4WeightOnlyOptions = {}) {
    this.groupSize = positive(options.groupSize ?? 128, 'group_size')
    this.setInductorConfig = options.setInductorConfig ?? true
    this.int4PackingFormat = options.int4PackingFormat ?? 'PLAIN'
    this.int4ChooseQparamsAlgorithm = options.int4ChooseQparamsAlgorithm ?? 'TINYGEMM'
    this.int4TilePackedNtile = options.int4TilePackedNtile ?? 8
    this.version = options.version ?? 2
  }

  encoded(): ObjectValue {
    const fields = {
      group_size: this.groupSize,
      set_inductor_config: this.setInductorConfig,
      int4_packing_format: enumValue('Int4PackingFormat', this.int4PackingFormat),
      int4_choose_qparams_algorithm: enumValue('Int4ChooseQParamsAlgorithm', this.int4ChooseQparamsAlgorithm),
      int4_tile_packed_ntile: this.int4TilePackedNtile,
    }
    return objectValue(CLASS_NAME, fields, this.version)
  }

  describe(): string {
    return `${CLASS_NAME}(${this.groupSize}, ${this.int4PackingFormat})`
  }

  storedAs(_weight: WeightInfo): string {
    const { int4PackingFormat: packing, groupSize } = this
    return packing === 'PLAIN' ? describeInt4Tensor(groupSize) : TENSORS[packing]
  }

  formatFor(weight: WeightInfo): TorchAoFormat | Skip {
    this.refuseUnquantizable()
    const { groupSize } = this
    if (weight.inFeatures % groupSize !== 0) return skipUneven(weight.inFeatures, groupSize)
    return int4TensorFormat(weight, { groupSize })
  }

  private refuseUnquantizable(): void {
    const { version, int4PackingFormat, int4ChooseQparamsAlgorithm, groupSize } = this
    const refused =
      version !== 2
        ? `version ${version}`
        : int4PackingFormat !== 'PLAIN'
          ? `the packing format ${int4PackingFormat}`
          : int4ChooseQparamsAlgorithm !== 'TINYGEMM'
            ? `the algorithm ${int4ChooseQparamsAlgorithm}`
            : groupSize % 2 !== 0
              ? `the odd group size ${groupSize}`
              : undefined
    if (refused === undefined) return
    const hint = `Use new ${CLASS_NAME}(): the plain packing is the one that every machine reads.`
    throw notQuantizable(
      `${CLASS_NAME} with ${refused}`,
      'version 2, PLAIN, TINYGEMM, an even group size',
      hint,
    )
  }
}

const FIELDS = [
  'group_size',
  'set_inductor_config',
  'int4_packing_format',
  'packing_format',
  'int4_choose_qparams_algorithm',
  'int4_tile_packed_ntile',
]

const HISTORICAL: Readonly<Record<string, (value: Value) => boolean>> = {
  layout: (value) => isLayout('TensorCoreTiledLayout')(value) || isLayout('Int4CPULayout')(value),
  use_hqq: (value) => value === false,
  zero_point_domain: (value) =>
    value === null || (typeof value === 'object' && 'member' in value && value.member === 'NONE'),
  preserve_zero: (value) => value === null,
}

export const int4WeightOnly: ConfigClass = {
  className: CLASS_NAME,
  versions: [1, 2],
  read(fields, version, path) {
    refuseUnknownFields(fields, FIELDS, path, HISTORICAL)
    const at = (name: string) => `${path}.${name}`
    const packing = fields.int4_packing_format === undefined ? 'packing_format' : 'int4_packing_format'
    return new Int4WeightOnlyConfig({
      groupSize: positive(fields.group_size ?? 128, at('group_size')),
      setInductorConfig: readFlag(fields.set_inductor_config, true, at('set_inductor_config')),
      int4PackingFormat: readMember(
        fields[packing],
        'Int4PackingFormat',
        PACKING_FORMATS,
        'PLAIN',
        at(packing),
      ),
      int4ChooseQparamsAlgorithm: readMember(
        fields.int4_choose_qparams_algorithm,
        'Int4ChooseQParamsAlgorithm',
        ALGORITHMS,
        'TINYGEMM',
        at('int4_choose_qparams_algorithm'),
      ),
      int4TilePackedNtile: readTile(fields, at('int4_tile_packed_ntile')),
      version: version as 1 | 2,
    })
  },
}

function readTile({ int4_tile_packed_ntile: tile = 8 }: Fields, field: string): 8 | 16 {
  if (tile !== 8 && tile !== 16) throw wrong('FIELD_VALUE', field, tile, '8 or 16')
  return tile
}

function positive(value: Value, field: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw wrong('FIELD_VALUE', field, value, 'a positive integer')
}
