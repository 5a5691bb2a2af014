import { ConfigError } from '@hfquant/core'

/** A generation option, or a field of generation_config.json, is unknown or has an unusable value. */
export class GenerationConfigError extends ConfigError {
  static override readonly family: string = 'hfquant.config.generation'
}
