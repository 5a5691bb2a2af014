import type { QuantizedFormat, Skip, WeightInfo } from '../contract/format.js'
import type { JsonObject } from '../contract/json.js'
import type {
  Environment,
  FormatContext,
  QuantizationConfig,
  QuantizerDefinition,
  SavedTensor,
} from '../contract/quantizer.js'
import type { FloatDtype } from '../contract/tensor.js'
import { CapabilityError, CheckpointError } from '../errors/families.js'
import { type Checkpoint, storedWeight } from '../load/checkpoint.js'
import { isFloatDtype } from '../shell/dtype.js'
import { Embedding, Linear, replaceModule, walkModules } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import {
  HfQuantizer,
  type PreprocessContext,
  type PreprocessResult,
  type SkippedModule,
  type WeightPlan,
} from './hf-quantizer.js'
import type { QuantizerBackend } from './registry.js'
import { resolveSkips, type SkipList, skippedLinears, skipReason } from './skip-list.js'

/** A backend that is also a function from options to a configuration: `rowInt8({ keepInFloat: [] })`. */
export interface DefinedQuantizer<Config> extends QuantizerBackend {
  (options?: Partial<Config>): DefinedConfig<Config>
  readonly definition: QuantizerDefinition<Config>
}

/** A configuration of a defined quantizer. `value` is what the definition's own functions work with. */
export interface DefinedConfig<Config> extends QuantizationConfig {
  readonly value: Config
}

/**
 * Makes a whole backend of a definition: configuration, dispatch, skip lists, loading of quantized and of float
 * checkpoints, saving. A method with needs of its own extends `HfQuantizer` instead.
 */
export function defineQuantizer<Config extends object>(
  definition: QuantizerDefinition<Config>,
): DefinedQuantizer<Config> {
  const configure = (options: Partial<Config> = {}) => {
    const defaults = definition.formatConfig(definition.parseConfig({}))
    const value = { ...definition.parseConfig({}), ...options }
    const json = definition.formatConfig(value)
    const changed = Object.keys(json).filter(
      (key) => JSON.stringify(json[key]) !== JSON.stringify(defaults[key]),
    )
    return toConfig(value, new Set(changed))
  }
  const toConfig = (value: Config, explicitKeys: ReadonlySet<string>): DefinedConfig<Config> => ({
    quantMethod: definition.quantMethod,
    explicitKeys,
    backend,
    value,
    toDict: () => ({ ...definition.formatConfig(value), quant_method: definition.quantMethod }),
  })
  const parseConfig = (json: JsonObject) => toConfig(definition.parseConfig(json), new Set(Object.keys(json)))
  const backend: DefinedQuantizer<Config> = Object.assign(configure, {
    definition,
    quantMethod: definition.quantMethod,
    loadingAttributes: definition.loadingAttributes ?? [],
    parseConfig,
    create: (config: QuantizationConfig, preQuantized: boolean) =>
      new FormatQuantizer(definition, ownConfig(config), preQuantized, toConfig),
  })
  const ownConfig = (config: QuantizationConfig): DefinedConfig<Config> =>
    'value' in config ? (config as DefinedConfig<Config>) : parseConfig(config.toDict())
  return backend
}

/** The lifecycle of a method that is described by its formats. */
class FormatQuantizer<Config extends object> extends HfQuantizer {
  readonly quantMethod: string

  constructor(
    private readonly definition: QuantizerDefinition<Config>,
    public override config: DefinedConfig<Config>,
    preQuantized: boolean,
    private readonly toConfig: (value: Config, explicit: ReadonlySet<string>) => DefinedConfig<Config>,
  ) {
    super(config, preQuantized)
    this.quantMethod = definition.quantMethod
  }

  override validateEnvironment(environment: Environment): void {
    this.definition.validateEnvironment?.(environment, this.config.value)
  }

  override async preprocess({ shell, checkpoint }: PreprocessContext): Promise<PreprocessResult> {
    const skips = this.resolveSkips(shell)
    const quantized: string[] = []
    const skipped: SkippedModule[] = []
    for (const [path, module] of this.candidates(shell)) {
      const weight = describeWeight(path, module)
      const choice = await this.chooseFormat(weight, checkpoint, skipReason(skips, path))
      if ('skip' in choice) {
        skipped.push({ module: path, reason: choice.skip })
      } else {
        replaceModule(shell.root, path, new QuantizedModule(weight, choice, module))
        quantized.push(path)
      }
    }
    this.recordSkips(shell, skips)
    const warnings = [
      ...(this.definition.warnings?.(this.config.value) ?? []),
      ...skips.unmatched.map((entry) => `the skip list names "${entry}", which no module is called`),
    ]
    if (quantized.length === 0) warnings.push('no module was quantized')
    return { quantized, skipped, warnings }
  }

  override load(module: QuantizedModule, checkpoint: Checkpoint): WeightPlan {
    const { path } = module.weight
    if (!this.preQuantized) {
      const source = checkpoint.tensors.get(`${path}.weight`)
      if (source === undefined) throw missingTensor(`${path}.weight`, checkpoint)
      return { kind: 'quantize', source }
    }
    const parts = module.components.map(({ key }) => {
      const part = checkpoint.tensors.get(`${path}.${key}`)
      if (part === undefined) throw missingTensor(`${path}.${key}`, checkpoint)
      return [key, part] as const
    })
    return { kind: 'stored', parts: new Map(parts) }
  }

  override checkpointMetadata(tensors: readonly SavedTensor[]): Record<string, string> {
    return this.definition.checkpointMetadata?.(tensors, this.config.value) ?? {}
  }

  private candidates(shell: Shell): [path: string, module: Linear | Embedding][] {
    const embeddings = this.definition.includesEmbeddings?.(this.config.value) ?? false
    return [...walkModules(shell.root)].filter(
      (entry): entry is [string, Linear | Embedding] =>
        entry[1] instanceof Linear || (embeddings && entry[1] instanceof Embedding),
    )
  }

  private resolveSkips(shell: Shell): SkipList {
    const { definition, config } = this
    const replace = this.preQuantized || (definition.replacesDefaultSkips?.(config.value) ?? false)
    return resolveSkips(shell, definition.skipModules?.(config.value), replace)
  }

  private async chooseFormat(
    weight: WeightInfo,
    checkpoint: Checkpoint,
    listed: string | undefined,
  ): Promise<QuantizedFormat | Skip> {
    const { preQuantized, definition } = this
    if (listed !== undefined && !preQuantized) return { skip: listed }
    const stored = storedWeight(checkpoint, weight.path)
    if (preQuantized && isPlain(stored)) return { skip: listed ?? 'is stored in float' }
    const context = { stored, metadata: checkpoint.metadata, preQuantized, listed }
    const choice = await definition.formatFor(weight, this.config.value, context)
    if (!preQuantized && !('skip' in choice) && !choice.quantize && !choice.quantizeKernel) {
      throw new CapabilityError(
        'FORMAT_LOAD_ONLY',
        `${choice.name} can be loaded, but not made from float weights (${weight.path})`,
        {
          module: weight.path,
          hint: 'Choose another recipe, or load a checkpoint that is quantized already.',
        },
      )
    }
    return choice
  }

  private recordSkips(shell: Shell, skips: SkipList): void {
    const { definition, config } = this
    if (this.preQuantized || definition.withSkipModules === undefined) return
    const isDefault = definition.skipModules?.(config.value) === undefined
    const value = definition.withSkipModules(config.value, skippedLinears(shell, skips), isDefault)
    this.config = this.toConfig(value, config.explicitKeys)
  }
}

function describeWeight(path: string, module: Linear | Embedding): WeightInfo {
  const [outFeatures, inFeatures] = module.weight.shape as [number, number]
  const kind = module instanceof Linear ? 'linear' : 'embedding'
  return { path, kind, outFeatures, inFeatures, dtype: module.weight.dtype as FloatDtype }
}

/** A float weight alone: the tensors say that the module was left out. */
const isPlain = (stored: FormatContext['stored']): boolean => {
  if (stored === undefined) return true
  const weight = stored.tensors.get('weight')
  const others = [...stored.tensors.keys()].filter((key) => key !== 'weight' && key !== 'bias')
  return weight !== undefined && isFloatDtype(weight.dtype) && others.length === 0
}

function missingTensor(name: string, checkpoint: Checkpoint): CheckpointError {
  const files = checkpoint.files.join(', ')
  return new CheckpointError('TENSOR_MISSING', `"${name}" is in none of the checkpoint's files (${files})`, {
    tensor: name,
    file: checkpoint.folder,
    hint: 'The download may be incomplete, or the config describes another model.',
  })
}
