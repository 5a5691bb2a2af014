import type { CalibrationContext } from './calibration-context.js'
import type { QuantizedFormat, Skip, WeightInfo } from './format.js'
import type { IntegerGrid } from './integer-codes.js'
import type { JsonObject } from './json.js'
import type { CheckpointHeaders, ConfigFile, Environment, FormatContext, SavedTensor } from './quantizer.js'
import type { ObjectFlattener } from './stored-object.js'
import type { FloatDtype } from './tensor.js'

/**
 * A quantization method: how its configuration is read, which modules it takes, how a weight is stored and computed with.
 * `defineQuantizer` makes the lifecycle for it. Only what has no `?` is needed.
 */
export interface QuantizerDefinition<Config> {
  readonly specVersion: 2
  /** `quant_method` of config.json. */
  readonly quantMethod: string
  /**
   * Raise it when the same weights and the same config come to be quantized or computed in another way. Compiled models
   * are kept between processes for methods that have one; without it, each process compiles anew.
   */
  readonly revision?: number
  readonly config: ConfigRules<Config>
  /** Which modules a config speaks of. Without it: the default skip list, and what a checkpoint holds. */
  select?(config: Config): Selection<Config>
  /** How a weight is stored, or why it stays in float. */
  formatFor(
    weight: WeightInfo,
    config: Config,
    context: FormatContext,
  ): QuantizedFormat | Skip | Promise<QuantizedFormat | Skip>
  readonly files?: FileRules<Config>
  /** For methods that need the whole model, or data, to quantize its weights. */
  readonly calibrate?: CalibrationRules<Config>
  /** For methods that weights of other methods can be stored with as they are. */
  readonly convert?: ConversionRules<Config>
}

/** How models come to a method that are quantized with another one: their codes, scales and zero points stay what they are. */
export interface ConversionRules<Config> {
  /**
   * The config of a model with these weights, in the order of the model; there is at least one.
   *
   * @throws CapabilityError for weights that no config of the method describes together; see `commonGrid`.
   */
  config(weights: readonly WeightOnGrid[]): Config
  /** A format with `pack`; or why the method has none for such a weight. */
  formatFor(
    weight: WeightInfo,
    grid: IntegerGrid,
    config: Config,
    context: Pick<FormatContext, 'keepsElsewhere'>,
  ): QuantizedFormat | Skip
}

export interface WeightOnGrid {
  readonly weight: WeightInfo
  readonly grid: IntegerGrid
}

/** `quantization_config` of config.json. */
export interface ConfigRules<Config> {
  /**
   * Reads the block. `{}` gives the defaults, unless the method has fields that must be there.
   *
   * @throws ConfigError that names the field.
   */
  parse(json: JsonObject): Config
  /**
   * The block, with exactly the keys that Python writes; `quant_method` is put behind them unless it is one of them. Another
   * one stands there for blocks of other names that the signs of the method claim.
   */
  format(config: Config): JsonObject
  /** Where Python keeps the configuration, where that is no block of config.json; the signs of the method name it as well. */
  readonly file?: ConfigFile
  /** Short name of a config for messages; by default the method stands alone. */
  label?(config: Config): string
  /** JSON keys of a saved config that a caller may change while loading. */
  readonly loading?: readonly string[]
  /** JSON keys that say how weights are stored: who asks for another value than a file has asks for another model. */
  readonly recipe?: readonly string[]
  /** True for a block of config.json that says that nothing is quantized: the model is loaded as if there was none. */
  isOff?(json: JsonObject): boolean
  /**
   * Refuses what `parse` has to let pass, before anything of the model is changed.
   *
   * @throws ConfigError; EnvironmentError that says what is missing and how to get it.
   */
  check?(config: Config, use: ConfigUse): void
  /** The config that quantizes the output projection as well; models that tie it never get here. */
  withHead?(config: Config): Config
  /** Remarks on a config that is used all the same, such as a version that was replaced. */
  warnings?(config: Config, outcome: SelectionOutcome): readonly string[]
}

/** What a config is about to be used for. */
export interface ConfigUse {
  /** True to load a checkpoint that is quantized already. */
  readonly preQuantized: boolean
  readonly environment: Environment
}

/** Which modules a config speaks of, and how it is saved once they are known. */
export interface Selection<Config> {
  /** The skip list of the config; undefined means the defaults alone: the output projection, and both ends of a tie. */
  readonly keep?: readonly string[] | undefined
  /** True when `keep` takes the place of the defaults instead of adding to them. */
  readonly replaceDefaults?: boolean
  /** True when both embeddings are quantized as well; or whether the config names the embedding at a path. */
  readonly embeddings?: boolean | ((path: string) => boolean)
  /** True when a float model gives up its ties before it is quantized; config.json then says so. */
  readonly untie?: boolean
  /** The config for a model that is about to be quantized, where it depends on what is in the model. */
  adapt?(model: ModelOutline): Config
  /** The config to be saved with a model that was quantized. */
  record?(outcome: SelectionOutcome): Config
}

/** What a config may depend on. */
export interface ModelOutline {
  /** Path of the output projection: "lm_head". */
  readonly head: string
  /** True when it shares its weight with the embedding. */
  readonly headIsTied: boolean
}

/** What became of the modules. */
export interface SelectionOutcome {
  /** Paths of what is quantized now. */
  readonly quantized: readonly string[]
  /** Paths of what stays in float. */
  readonly float: readonly string[]
  /**
   * The list to be saved: linear weights that the skip list names, defaults included, and what stays in float whatever is on
   * it, such as routers.
   */
  readonly kept: readonly string[]
  /** True when the config has no list, and the defaults alone make `kept`. */
  readonly isDefault: boolean
  /** Path of the output projection. */
  readonly head: string
}

/** What a method says about files, beyond the tensors of its formats. */
export interface FileRules<Config> {
  /**
   * Components that weights which a file keeps in one tensor have in common: component `key` of all weights of a tensor
   * `T` is the tensor `T_key`, whose first axis counts them, "weight" is `T` itself, and "weight_scale" is `T_scale`. Without
   * it, such weights stay in float.
   */
  readonly stacked?: readonly string[]
  /** The dtype of a model that is quantized here, where the caller names none; by default that of its checkpoint. */
  readonly dtype?: FloatDtype
  /** Names of weight files to look for before the usual ones. */
  weights?(config: Config): readonly string[]
  /** The name that a tensor of a quantized checkpoint has in the current layout, for files in an older one. */
  name?(name: string): string
  /**
   * True for a tensor of a quantized checkpoint that is no component and is saved again as it is, such as the scale of keys of
   * an attention module. Asked by the names of the current layout.
   */
  carries?(name: string): boolean
  /** The config of a checkpoint whose config.json lost it, from its headers; undefined when nothing in it is quantized. */
  recover?(headers: CheckpointHeaders): Config | undefined
  /**
   * The config to be saved with a checkpoint that was loaded, where its own is not written any more: a spelling of older
   * releases, or the config of tensors that are stored in another form. Undefined leaves the block as it is.
   */
  rewrite?(config: Config, headers: CheckpointHeaders): Config | undefined
  /** How the objects that the method's Python library pickles become the tensors of the method. */
  readonly objects?: ObjectFlattener
  /** Entries for the header of every safetensors file. */
  metadata?(tensors: readonly SavedTensor[], config: Config): Record<string, string>
  /** JSON files beside config.json, by name. */
  sidecars?(config: Config): Readonly<Record<string, JsonObject>>
  /** True for weights that are read of files of another kind: models with them are saved as float ones. */
  readonly savesFloats?: true
  /**
   * Refuses a quantized checkpoint whose config and tensors do not belong together, where no tensor alone tells.
   *
   * @throws CheckpointError that names the file's tensor or field.
   */
  checkLoadable?(config: Config, headers: CheckpointHeaders): void
  /** @throws CapabilityError when no reader of the files could be told what is in them. */
  checkSavable?(config: Config, outcome: SelectionOutcome): void
}

/** How a method quantizes what it does not quantize while weights stream in. */
export interface CalibrationRules<Config> {
  /** True: weights wait for `run`, in float. False: they are quantized as they arrive, and `run` finds none waiting. */
  defers(config: Config): boolean
  /**
   * Makes every weight that waits, once the rest of the model is in place; called for models that are quantized here.
   *
   * @returns the config to be saved.
   */
  run(config: Config, context: CalibrationContext): Promise<Config>
}
