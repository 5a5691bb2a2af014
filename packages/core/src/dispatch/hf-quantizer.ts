import type { Environment, QuantizationConfig, SavedTensor } from '../contract/quantizer.js'
import { ConfigError } from '../errors/families.js'
import type { Checkpoint, CheckpointTensor } from '../load/checkpoint.js'
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
  /** Things worth a warning, such as a skip-list entry that matches nothing. */
  readonly warnings: readonly string[]
}

/** Where the bytes of a quantized module come from. */
export type WeightPlan =
  | { readonly kind: 'stored'; readonly parts: ReadonlyMap<string, CheckpointTensor> }
  | { readonly kind: 'quantize'; readonly source: CheckpointTensor }

export interface PostprocessContext {
  readonly shell: Shell
  readonly signal: AbortSignal | undefined
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
      )
    }
  }

  /** Fills in or refuses a device map. */
  updateDeviceMap(deviceMap: DeviceMap): DeviceMap {
    return deviceMap
  }

  /** Replaces modules of the shell by quantized ones. */
  abstract preprocess(context: PreprocessContext): Promise<PreprocessResult>

  /** Finds what a quantized module is loaded from. */
  abstract load(module: QuantizedModule, checkpoint: Checkpoint): WeightPlan

  /** Finishes the loaded model. */
  async postprocess(_context: PostprocessContext): Promise<void> {}

  /** Entries for the header of every file that is saved. */
  checkpointMetadata(_tensors: readonly SavedTensor[]): Record<string, string> {
    return {}
  }
}
