import { HfquantError } from './hfquant-error.js'

/** Something outside of the model is missing or unfit: a package, a runtime, a device, a processor feature. */
export class EnvironmentError extends HfquantError {
  static override readonly family: string = 'hfquant.environment'
}

/** A configuration, argument or option has a wrong type or value. */
export class ConfigError extends HfquantError {
  static override readonly family: string = 'hfquant.config'
}

/** A file of a checkpoint is absent, damaged, or disagrees with the model. */
export class CheckpointError extends HfquantError {
  static override readonly family: string = 'hfquant.checkpoint'
}

/** A device map does not cover the model, or a device cannot hold its part. */
export class DeviceMapError extends HfquantError {
  static override readonly family: string = 'hfquant.device-map'
}

/** The request is well-formed, but this method, architecture or device does not offer it. */
export class CapabilityError extends HfquantError {
  static override readonly family: string = 'hfquant.capability'
}

/** Something failed while computing, reading or writing. */
export class RuntimeError extends HfquantError {
  static override readonly family: string = 'hfquant.runtime'
}

/** The output could not be written; nothing half-written was left behind. */
export class OutputError extends RuntimeError {
  static override readonly family: string = 'hfquant.runtime.output'
}
