import type { QuantizedFormat, WeightInfo } from './format.js'
import type { JsonObject } from './json.js'
import type { TensorInfo } from './tensor.js'

/** A configuration of one method: what a caller passes, what config.json holds. */
export interface QuantizationConfig {
  /** `quant_method` of config.json. */
  readonly quantMethod: string
  /** Short name for messages: "Int8WeightOnlyConfig". */
  readonly label?: string | undefined
  /** JSON keys that were set on purpose, as opposed to defaults. */
  readonly explicitKeys: ReadonlySet<string>
  /** The backend that understands this configuration, when the object knows it; otherwise the registry is asked. */
  readonly backend?: unknown
  /** The `quantization_config` block, with exactly the keys that Python writes. */
  toDict(): JsonObject
}

/**
 * A JSON file beside config.json that holds what a configuration has under one key. A folder with it needs no block in
 * config.json, and is saved without one.
 */
export interface ConfigFile {
  readonly name: string
  readonly key: string
}

/** A tensor of a checkpoint, and where it lies. */
export interface StoredTensor extends TensorInfo {
  /** Name in the file; a file of a bare base model leaves out the prefix that the model's own names have. */
  readonly name?: string
  readonly file?: string
}

/** What the checkpoint holds below one module. */
export interface StoredWeight {
  /** By name below the module: "weight", "_weight_qdata". */
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Names of the checkpoint's files, for messages. */
  readonly files?: readonly string[]
  /**
   * True while a model is looked for that was compiled from the same tensors before: they were checked then. What is
   * chosen now only names that model, so `read` what nothing can be chosen without, and assume the usual for the rest. It
   * is chosen again, with this unset, before anything is computed from the tensors.
   */
  readonly trusted?: boolean
  /** Bytes of a small tensor. */
  read(key: string): Promise<Uint8Array>
}

/** What the headers of a checkpoint's files say. */
export interface CheckpointHeaders {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, TensorInfo>
}

/** What a backend may look at while it decides. */
export interface FormatContext {
  /** Absent when the checkpoint has nothing under this module's name. */
  readonly stored: StoredWeight | undefined
  /** Header metadata of the checkpoint files, merged. */
  readonly metadata: Readonly<Record<string, string>>
  /** True when the checkpoint says that it is quantized: then tensors decide, and nothing is quantized on the fly. */
  readonly preQuantized: boolean
  /** The entry of the skip list that matches the module, as a sentence; only for modules that the list names. */
  readonly listed: string | undefined
  /** True where files of this family keep component `key` of this weight under the name of another module. */
  keepsElsewhere(key: string): boolean
}

/** A tensor about to be saved. */
export interface SavedTensor extends TensorInfo {
  /** Name in the file. */
  readonly name: string
  /** Set for components of a quantized weight. */
  readonly quantized?: { readonly weight: WeightInfo; readonly format: QuantizedFormat }
}

/** What a machine offers. */
export interface Environment {
  readonly devices: readonly string[]
  has(packageName: string): boolean
}
