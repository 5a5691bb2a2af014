import type { Skip, WeightInfo } from '@hfquant/core'
import type { Fields, ObjectValue } from '../encoding/values.js'
import type { TorchAoFormat } from '../tensors/torchao-format.js'

/** A config class of torchao: how a weight is quantized. */
export interface TorchAoBaseConfig {
  /** Python class name, `_type` in JSON. */
  readonly className: string
  /** Arithmetic and tensor class; torchao calls it `version`. */
  readonly version: number
  /** The config as torchao encodes it. */
  encoded(): ObjectValue
  /** One line for messages: "Int8WeightOnlyConfig(PerRow)". */
  describe(): string
  /** The tensors of a weight with so many columns, in the words of the tensor class; compared with what a file holds. */
  storedAs(inFeatures: number): string
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
