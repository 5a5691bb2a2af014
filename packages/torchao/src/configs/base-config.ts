import type { Skip, WeightInfo } from '@hfquant/core'
import type { Fields, ObjectValue } from '../encoding/values.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'

/** A config class of torchao: how weights are quantized. */
export interface TorchAoBaseConfig {
  /** Python class name, `_type` in JSON. */
  readonly className: string
  /** Arithmetic and tensor class; torchao calls it `version`. */
  readonly version: number
  /** What a user should know of a checkpoint with this config, although it loads. */
  readonly remark?: string
  /** The config as torchao encodes it. */
  encoded(): ObjectValue
  /** One line for messages: "Int8WeightOnlyConfig(PerRow)". */
  describe(): string
  /** What the tensors of a weight are, as `TorchAoFormat` says it; compared with what a file holds. */
  storedAs(weight: WeightInfo): string
  /**
   * The format of one weight.
   *
   * @throws CapabilityError for settings that can be read but not quantized with.
   */
  formatFor(weight: WeightInfo): TorchAoFormat | Skip
}

/** How a config class is read from JSON. */
export interface ConfigClass {
  readonly className: string
  /** Versions that torchao has had, the last one current. */
  readonly versions: readonly number[]
  /** @throws ConfigError that names the field below `path`. */
  read(fields: Fields, version: number, path: string): TorchAoBaseConfig
}
