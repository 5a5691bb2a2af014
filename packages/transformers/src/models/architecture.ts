import { ConfigError, type FloatDtype, type JsonObject, type Shell } from '@hfquant/core'
import type { CacheShape, LoweringContext } from '@hfquant/onnx'
import { llama } from './llama.js'

/** What every decoder-only model has, whatever its architecture. */
export interface DecoderConfig {
  readonly vocabSize: number
  /** Positions that the model was made for: the longest prompt with everything generated from it. */
  readonly maxPositions: number
  /** `parseConfig` leaves out the dtype, which is an option of loading; `lower` is told it. */
  readonly cache: CacheShape
}

/** A family of models: how to read its config.json, what it is made of, how it is computed. */
export interface Architecture<Config extends DecoderConfig = DecoderConfig> {
  /** `architectures[0]` of config.json. */
  readonly name: string
  /** @throws ConfigError naming the field; CapabilityError for a variant that is not offered. */
  parseConfig(json: JsonObject): Config
  /** The model on the meta device, under the names of the checkpoint. */
  build(config: Config, dtype: FloatDtype): Shell
  /** Adds the whole decoder to a graph, with the inputs and outputs that sessions expect. */
  lower(shell: Shell, config: Config, context: LoweringContext): void
}

const architectures = new Map<string, Architecture>()

/** Makes an architecture known under its name. A later one of the same name wins. */
export function registerArchitecture<Config extends DecoderConfig>(architecture: Architecture<Config>): void {
  architectures.set(architecture.name, architecture as unknown as Architecture)
}

registerArchitecture(llama)

/** @throws ConfigError ARCHITECTURE_UNKNOWN naming what the file asks for and what there is. */
export function findArchitecture(json: JsonObject, file: string): Architecture {
  const { architectures: named } = json
  const name = Array.isArray(named) ? named[0] : undefined
  const found = typeof name === 'string' ? architectures.get(name) : undefined
  if (found !== undefined) return found
  const known = [...architectures.keys()].sort()
  throw new ConfigError(
    'ARCHITECTURE_UNKNOWN',
    `${file}: architectures is ${JSON.stringify(named)}, expected one of ${known.join(', ')}`,
    {
      file,
      field: 'architectures',
      found: named,
      expected: known,
      hint: 'This model family is not offered; a package can add it with registerArchitecture.',
    },
  )
}
