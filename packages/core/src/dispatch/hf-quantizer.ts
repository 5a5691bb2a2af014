import type { KernelPool } from '@hfquant/kernels'
import type { Calibration } from '../contract/calibration.js'
import type { IntegerForm } from '../contract/format.js'
import type { JsonObject } from '../contract/json.js'
import type { ConfigFile, Environment, QuantizationConfig, SavedTensor } from '../contract/quantizer.js'
import type { FloatDtype } from '../contract/tensor.js'
import { CapabilityError, ConfigError } from '../errors/families.js'
import type { Checkpoint, CheckpointTensor } from '../load/checkpoint.js'
import type { OnProgress } from '../report/progress.js'
import type { DeviceMap } from '../shell/device-map.js'
import type { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'

export interface PreprocessContext {
  readonly shell: Shell
  readonly checkpoint: Checkpoint
  readonly deviceMap: DeviceMap
}

/** A module that stays in float, and why. */
export interface SkippedModule {
  readonly module: string
  readonly reason: string
}

export interface PreprocessResult {
  /** Paths of the modules that are quantized now. */
  readonly quantized: readonly string[]
  readonly skipped: readonly SkippedModule[]
  /** Those of them that the config of a quantized checkpoint does not except: the tensors decide. */
  readonly promised: readonly string[]
  /** Things worth a warning, such as a skip-list entry that matches nothing. */
  readonly warnings: readonly string[]
}

/** A weight of integers as a method stores it. */
export interface StoredIntegers {
  readonly form: IntegerForm
  /** By component key. */
  readonly parts: ReadonlyMap<string, CheckpointTensor>
}

/** Where the bytes of a quantized module come from. */
export type WeightPlan =
  | { readonly kind: 'stored'; readonly parts: ReadonlyMap<string, CheckpointTensor> }
  | { readonly kind: 'quantize'; readonly source: CheckpointTensor }
  /** Made by `postprocess`, once everything else is in place: the components have room and no content until then. */
  | { readonly kind: 'deferred'; readonly source: CheckpointTensor }
  /** Packed from the tensors of another method. */
  | ({ readonly kind: 'packed' } & StoredIntegers)

/** A weight that `postprocess` has to make. */
export interface DeferredWeight {
  readonly module: QuantizedModule
  readonly source: CheckpointTensor
}

export interface PostprocessContext {
  readonly shell: Shell
  readonly checkpoint: Checkpoint
  readonly pool: KernelPool
  /** Most float bytes that should be held at once. */
  readonly maxInFlightBytes: number
  readonly signal: AbortSignal | undefined
  readonly onProgress: OnProgress | undefined
  /** Weights that `load` deferred, in the order of the model. */
  readonly deferred: readonly DeferredWeight[]
  /** Undefined when nothing was deferred, or the architecture cannot be run block by block. */
  readonly calibration: Calibration | undefined
  /** Something that the user should know and that is no error. */
  warn(message: string): void
}

/**
 * One quantization method at work on one model. The loader calls the five stages in the order in which they stand
 * here, and nobody else calls them. `validateEnvironment` runs twice, the second time with the resolved device map.
 */
export abstract class HfQuantizer {
  abstract readonly quantMethod: string
  /** True for a method that cannot quantize without calibration data. */
  readonly requiresCalibration: boolean = false
  /** False for a method whose models cannot be saved. */
  readonly isSerializable: boolean = true

  /** True when the ties of the model are broken before anything is quantized. */
  get untiesEmbeddings(): boolean {
    return false
  }

  /** True when config.json gets this configuration; false leaves the one that the checkpoint came with. */
  get rewritesConfig(): boolean {
    return !this.preQuantized
  }

  /** Where the configuration is saved, if not in config.json. */
  get configFile(): ConfigFile | undefined {
    return undefined
  }

  /** See QuantizerDefinition. */
  get stackedComponents(): readonly string[] {
    return []
  }

  /** The name that a tensor of the checkpoint has in the current layout. */
  tensorName(name: string): string {
    return name
  }

  /**
   * Changes when the same weights and the same config come to be quantized or computed in another way. Compiled models are
   * kept between processes for methods that have one.
   */
  get revision(): number | undefined {
    return undefined
  }

  /** True when models are saved with the float weights that the quantized ones stand for. */
  get savesFloats(): boolean {
    return false
  }

  /** True when sizes of saved tensors are known only after quantizing. */
  get sizesDependOnValues(): boolean {
    return false
  }

  constructor(
    /** The merged configuration; after `preprocess` the resolved one. */
    public config: QuantizationConfig,
    /** True when the checkpoint is quantized already. */
    readonly preQuantized: boolean,
  ) {}

  /** @throws EnvironmentError. Changes nothing. */
  validateEnvironment(_environment: Environment, _deviceMap?: DeviceMap): void {
    if (this.requiresCalibration && !this.preQuantized) {
      throw new ConfigError(
        'CALIBRATION_REQUIRED',
        `${this.quantMethod} only loads checkpoints quantized elsewhere`,
        { hint: 'Load a checkpoint that it quantized, or quantize with another method.' },
      )
    }
  }

  /** Fills in or refuses a device map. */
  updateDeviceMap(deviceMap: DeviceMap): DeviceMap {
    return deviceMap
  }

  /** The dtype of what is not quantized; `chosen` when the caller named it. */
  updateDtype(dtype: FloatDtype, _chosen: boolean): FloatDtype {
    return dtype
  }

  /** Names of weight files to look for before the usual ones. */
  weightFiles(): readonly string[] {
    return []
  }

  /** Replaces modules of the shell by quantized ones. */
  abstract preprocess(context: PreprocessContext): Promise<PreprocessResult>

  /** Finds what a quantized module is loaded from. */
  abstract load(module: QuantizedModule, checkpoint: Checkpoint): WeightPlan

  /** Finishes the loaded model. */
  async postprocess(_context: PostprocessContext): Promise<void> {}

  /**
   * Called before a model is written, once `preprocess` has decided what is quantized.
   *
   * @throws CapabilityError when no reader of the files could be told what is in them.
   */
  checkSavable(): void {
    if (this.isSerializable) return
    throw new CapabilityError(
      'NOT_SERIALIZABLE',
      `models quantized with ${this.quantMethod} cannot be saved`,
      { hint: 'Save the float model and quantize it while loading.' },
    )
  }

  /** JSON files that the method keeps beside config.json, by name. */
  sidecarFiles(): Readonly<Record<string, JsonObject>> {
    return {}
  }

  /** Entries for the header of every file that is saved. */
  checkpointMetadata(_tensors: readonly SavedTensor[]): Record<string, string> {
    return {}
  }
}
