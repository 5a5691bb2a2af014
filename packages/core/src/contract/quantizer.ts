import type { QuantizedFormat, Skip, WeightInfo } from './format.js'
import type { JsonObject } from './json.js'
import type { ObjectFlattener } from './stored-object.js'
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

/** A method that is fully described by its formats. `defineQuantizer` makes the lifecycle for it. */
export interface QuantizerDefinition<Config> {
  readonly specVersion: 1
  readonly quantMethod: string
  /**
   * Raise it when the same weights and the same config come to be quantized or computed in another way. Compiled models
   * are kept between processes for methods that have one; without it, each process compiles anew.
   */
  readonly revision?: number
  /** @throws ConfigError that names the field. */
  parseConfig(json: JsonObject): Config
  formatConfig(config: Config): JsonObject
  /** Short name of a config for messages; by default the method stands alone. */
  label?(config: Config): string
  /** JSON keys of a saved config that a caller may change while loading. */
  readonly loadingAttributes?: readonly string[]
  /** JSON keys that say how weights are stored: who asks for another value than a file has asks for another model. */
  readonly recipeKeys?: readonly string[]
  /** The config that quantizes the output projection as well; models that tie it never get here. */
  withOutputProjection?(config: Config): Config
  /** @throws EnvironmentError that says what is missing and how to get it. */
  validateEnvironment?(environment: Environment, config: Config): void
  /** True for a block of config.json that says that nothing is quantized: the model is loaded as if there was none. */
  isSwitchedOff?(json: JsonObject): boolean
  /** Remarks on a config that loads all the same, such as a version that was replaced. */
  warnings?(config: Config): readonly string[]
  /** The user's skip list; `undefined` means the defaults alone. */
  skipModules?(config: Config): readonly string[] | undefined
  /** True when the list of `skipModules` replaces the default one instead of adding to it. */
  replacesDefaultSkips?(config: Config): boolean
  /**
   * The config to be saved, with the resolved skip list: what is on it, and what stays in float whatever is on it, such as
   * routers. `isDefault` when the defaults alone produced it.
   */
  withSkipModules?(config: Config, resolved: readonly string[], isDefault: boolean): Config
  /** True when the size of a component is known only after quantizing; the file is then laid out after that. */
  sizesDependOnValues?(config: Config): boolean
  /** True when input and output embeddings are quantized as well. */
  includesEmbeddings?(config: Config): boolean
  /** True for a module that is quantized although its kind is not: an embedding that the config names. */
  namesModule?(path: string, config: Config): boolean
  /** True when a float model gives up its ties before it is quantized; config.json then says so. */
  untiesEmbeddings?(config: Config): boolean
  /**
   * Components that weights which a file keeps in one tensor have in common: component `key` of all weights of a tensor
   * `T` is the tensor `T_key`, whose first axis counts them, "weight" is `T` itself, and "weight_scale" is `T_scale`. Without
   * it, such weights stay in float.
   */
  readonly stackedComponents?: readonly string[]
  /** The name that a tensor of a quantized checkpoint has in the current layout, for files in an older one. */
  tensorName?(name: string): string
  /** True for a config that was read in a spelling that is not written any more. */
  rewritesConfig?(config: Config): boolean
  formatFor(
    weight: WeightInfo,
    config: Config,
    context: FormatContext,
  ): QuantizedFormat | Skip | Promise<QuantizedFormat | Skip>
  /** The config of a checkpoint whose config.json lost it, from its headers; undefined when nothing in it is quantized. */
  recoverConfig?(headers: CheckpointHeaders): Config | undefined
  /** How the objects that the method's Python library pickles become the tensors of the method. */
  readonly objects?: ObjectFlattener
  /**
   * The config to be saved with tensors that were read in a form that is not written any more; `config` itself when
   * they are written as they were read.
   */
  settleConfig?(config: Config, headers: CheckpointHeaders): Config
  /** Entries for the header of every safetensors file. */
  checkpointMetadata?(tensors: readonly SavedTensor[], config: Config): Record<string, string>
}
