import type { QuantizedFormat, Skip, WeightInfo } from '../contract/format.js'
import type { JsonObject } from '../contract/json.js'
import type { Environment, FormatContext, QuantizerDefinition, SavedTensor } from '../contract/quantizer.js'
import { CapabilityError, CheckpointError } from '../errors/families.js'
import { type Checkpoint, storedWeight } from '../load/checkpoint.js'
import { missingTensors } from '../load/missing-tensors.js'
import { isFloating } from '../shell/dtype.js'
import { findModule, walkModules } from '../shell/module.js'
import {
  describeWeight,
  type ModelWeight,
  placeQuantized,
  QuantizedModule,
  tensorName,
  weightOf,
} from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import type { WeightSlot } from '../shell/weight-slot.js'
import { checkFormat } from './check-format.js'
import type { DefinedConfig } from './define-quantizer.js'
import {
  HfQuantizer,
  type PreprocessContext,
  type PreprocessResult,
  type SkippedModule,
  type WeightPlan,
} from './hf-quantizer.js'
import { shareComponents, tiedPartner, tieOfAlias } from './quantized-ties.js'
import { resolveSkips, type SkipList, skippedLinears, skipReason } from './skip-list.js'
import { refuseSplitStacks } from './split-stacks.js'

/**
 * The lifecycle of a method that is described by its formats. A method that does more extends it and overrides the stage
 * in question.
 */
export class FormatQuantizer<Config extends object> extends HfQuantizer {
  readonly quantMethod: string
  /** What was passed over when nothing was quantized, and the one of it to name: the output projection says little. */
  #useless: { readonly skipped: number; readonly named: SkippedModule | undefined } | undefined
  /** True when the config is no longer the one that the checkpoint came with. */
  #isSettled = false

  constructor(
    protected readonly definition: QuantizerDefinition<Config>,
    public override config: DefinedConfig<Config>,
    preQuantized: boolean,
    protected readonly toConfig: (value: Config, explicit: ReadonlySet<string>) => DefinedConfig<Config>,
  ) {
    super(config, preQuantized)
    this.quantMethod = definition.quantMethod
  }

  override validateEnvironment(environment: Environment): void {
    super.validateEnvironment(environment)
    this.definition.validateEnvironment?.(environment, this.config.value)
  }

  override async preprocess({ shell, checkpoint }: PreprocessContext): Promise<PreprocessResult> {
    const skips = this.resolveSkips(shell)
    const quantized: string[] = []
    const skipped: SkippedModule[] = []
    const kept: SkippedModule[] = []
    const remarks: string[] = []
    const candidates = this.candidates(shell, checkpoint)
    for (const candidate of candidates) {
      const weight = describeWeight(candidate)
      const { path } = weight
      const obstacle = this.obstacleOf(candidate.slot)
      if (obstacle !== undefined) {
        kept.push({ module: path, reason: obstacle })
        continue
      }
      if (tieOfAlias(shell, tensorName(candidate)) !== undefined) continue
      const choice = await this.chooseFormat(weight, checkpoint, listedReason(shell, skips, path))
      if ('skip' in choice) {
        skipped.push({ module: path, reason: choice.skip })
      } else {
        placeQuantized(shell.root, new QuantizedModule(weight, choice, candidate))
        quantized.push(path)
        remarks.push(...(choice.warnings ?? []))
      }
    }
    refuseSplitStacks(shell, quantized, skipped)
    for (const candidate of candidates) {
      const { path } = describeWeight(candidate)
      const pair = tieOfAlias(shell, tensorName(candidate))
      if (pair === undefined) continue
      if (shareComponents(shell, pair)) quantized.push(path)
      else skipped.push({ module: path, reason: this.reasonOfAlias(shell, skips, path) })
    }
    if (quantized.length === 0) {
      if (this.preQuantized) this.refuseFloat(checkpoint, skips, skipped)
      else this.#useless = uselessOf(shell, skipped)
    }
    this.recordSkips(shell, skips, [
      ...kept.map(({ module }) => module),
      ...stackedOf(candidates).filter((path) => skipped.some(({ module }) => module === path)),
    ])
    this.settleConfig(checkpoint)
    const warnings = [
      ...(this.definition.warnings?.(this.config.value) ?? []),
      ...new Set(remarks),
      ...skips.unmatched.map((entry) => `the skip list names "${entry}", which no module is called`),
    ]
    if (quantized.length === 0) warnings.push('no module was quantized')
    const promised = this.preQuantized ? skipped.filter(({ module }) => !skipReason(skips, module)) : []
    return {
      quantized,
      skipped: [...skipped, ...kept],
      promised: promised.map(({ module }) => module),
      warnings,
    }
  }

  /** A model that would be saved as quantized, and of which nothing is, could not be loaded again. */
  override checkSavable(): void {
    super.checkSavable()
    if (this.#useless === undefined) return
    const { skipped, named } = this.#useless
    throw new CapabilityError(
      'NOTHING_QUANTIZED',
      named === undefined
        ? `${this.quantMethod} finds no module that it quantizes`
        : `${this.quantMethod} quantizes none of ${skipped} modules: ${named.module} ${named.reason}`,
      {
        module: named?.module,
        hint: 'Choose settings that fit the shapes of the model, such as a smaller group size, or a shorter skip list.',
      },
    )
  }

  /** The configuration promises quantized tensors, and there is none: which of the two is wrong is not ours to guess. */
  private refuseFloat(checkpoint: Checkpoint, skips: SkipList, skipped: readonly SkippedModule[]): void {
    const promised = skipped.find(({ module }) => skipReason(skips, module) === undefined)
    if (promised === undefined) return
    if (storedWeight(checkpoint, promised.module) === undefined) {
      throw missingTensors([`${promised.module}.weight`], checkpoint)
    }
    throw new CheckpointError(
      'CHECKPOINT_NOT_QUANTIZED',
      `config.json of ${checkpoint.folder} says "${this.quantMethod}", but no tensor is quantized (${promised.module} is float)`,
      {
        file: checkpoint.folder,
        module: promised.module,
        hint: 'Remove quantization_config to load the float model, and pass quantizationConfig to quantize it.',
      },
    )
  }

  override load(module: QuantizedModule, checkpoint: Checkpoint): WeightPlan {
    const { path } = module.info
    if (!this.preQuantized) {
      const source = checkpoint.tensors.get(module.tensor)
      if (source === undefined) throw missingTensors([module.tensor], checkpoint)
      return { kind: 'quantize', source }
    }
    const parts = module.components.map(({ key }) => {
      const part = checkpoint.tensors.get(`${path}.${key}`)
      if (part === undefined) throw missingTensors([`${path}.${key}`], checkpoint)
      return [key, part] as const
    })
    return { kind: 'stored', parts: new Map(parts) }
  }

  override get untiesEmbeddings(): boolean {
    return !this.preQuantized && (this.definition.untiesEmbeddings?.(this.config.value) ?? false)
  }

  override get rewritesConfig(): boolean {
    const isOld = this.definition.rewritesConfig?.(this.config.value) ?? false
    return !this.preQuantized || this.#isSettled || isOld
  }

  override get stackedComponents(): readonly string[] {
    return this.definition.stackedComponents ?? []
  }

  override tensorName(name: string): string {
    return this.preQuantized ? (this.definition.tensorName?.(name) ?? name) : name
  }

  override get revision(): number | undefined {
    return this.definition.revision
  }

  override get sizesDependOnValues(): boolean {
    return !this.preQuantized && (this.definition.sizesDependOnValues?.(this.config.value) ?? false)
  }

  override checkpointMetadata(tensors: readonly SavedTensor[]): Record<string, string> {
    return this.definition.checkpointMetadata?.(tensors, this.config.value) ?? {}
  }

  /** Why no setting quantizes a weight. */
  private obstacleOf({ quantizable, stacked }: WeightSlot): string | undefined {
    if (!quantizable) return ALWAYS_FLOAT
    if (!stacked || this.stackedComponents.length > 0) return undefined
    return `is kept in one tensor with others, for which ${this.quantMethod} has no layout`
  }

  private candidates(shell: Shell, checkpoint: Checkpoint): readonly ModelWeight[] {
    return [...walkModules(shell.root)]
      .flatMap(([path, module]) => weightOf(path, module) ?? [])
      .filter(
        ({ slot, modulePath }) =>
          slot.kind !== 'embedding' || this.isEmbeddingQuantized(modulePath, checkpoint),
      )
  }

  private isEmbeddingQuantized(path: string, checkpoint: Checkpoint): boolean {
    const { definition, config, preQuantized } = this
    if (definition.includesEmbeddings?.(config.value) || definition.namesModule?.(path, config.value))
      return true
    return preQuantized && !isPlain(storedWeight(checkpoint, path))
  }

  private reasonOfAlias(shell: Shell, skips: SkipList, path: string): string {
    const listed = listedReason(shell, skips, path)
    if (listed !== undefined) return listed
    return this.preQuantized ? 'is stored in float' : `shares its weight with ${tiedPartner(shell, path)}`
  }

  private resolveSkips(shell: Shell): SkipList {
    const { definition, config } = this
    const user = definition.skipModules?.(config.value)
    return resolveSkips(shell, {
      user,
      field: fieldOf(user, config.toDict()),
      replace: this.preQuantized || (definition.replacesDefaultSkips?.(config.value) ?? false),
      includesEmbeddings: definition.includesEmbeddings?.(config.value) ?? false,
    })
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
    checkFormat(choice, weight, this.quantMethod)
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

  private settleConfig(checkpoint: Checkpoint): void {
    const { value, explicitKeys } = this.config
    if (!this.preQuantized || this.definition.settleConfig === undefined) return
    const settled = this.definition.settleConfig(value, checkpoint)
    if (settled === value) return
    this.config = this.toConfig(settled, explicitKeys)
    this.#isSettled = true
  }

  /** @param others paths of modules that stay in float though no list names them: Python would look for quantized ones. */
  private recordSkips(shell: Shell, skips: SkipList, others: readonly string[]): void {
    const { definition, config } = this
    if (this.preQuantized || definition.withSkipModules === undefined) return
    const isDefault = definition.skipModules?.(config.value) === undefined && others.length === 0
    const listed = new Set([...skippedLinears(shell, skips), ...withoutNumbers(shell, others)])
    const value = definition.withSkipModules(config.value, [...listed], isDefault)
    this.config = this.toConfig(value, config.explicitKeys)
  }
}

const stackedOf = (candidates: readonly ModelWeight[]): readonly string[] =>
  candidates.filter(({ slot }) => slot.stacked).map(({ modulePath }) => modulePath)

/** Weights that are one tensor belong to one module in Python: "mlp.experts.3.down_proj" to "mlp.experts". */
const withoutNumbers = (shell: Shell, paths: readonly string[]): readonly string[] =>
  paths.map((path) =>
    findModule(shell.root, path)?.slot?.stacked ? path.replace(/\.\d+\.[^.]+$/, '') : path,
  )

const ALWAYS_FLOAT = 'stays in float with every method'

const uselessOf = ({ outputEmbedding }: Shell, skipped: readonly SkippedModule[]) => ({
  skipped: skipped.length,
  named: skipped.find(({ module }) => module !== outputEmbedding) ?? skipped[0],
})

/** The key under which a method keeps its skip list. */
function fieldOf(list: readonly string[] | undefined, json: JsonObject): string {
  const isList = (value: unknown) => JSON.stringify(value) === JSON.stringify(list)
  return Object.keys(json).find((key) => isList(json[key])) ?? 'the skip list'
}

/** Why a module is on the skip list: it is named, or the module that it shares its weight with. */
function listedReason(shell: Shell, skips: SkipList, path: string): string | undefined {
  const partner = tiedPartner(shell, path)
  const named = skipReason(skips, path)
  if (named !== undefined || partner === undefined || skipReason(skips, partner) === undefined) return named
  return `shares its weight with ${partner}, which stays in float`
}

/** A float weight alone: the tensors say that the module was left out. */
const isPlain = (stored: FormatContext['stored']): boolean => {
  if (stored === undefined) return true
  const weight = stored.tensors.get('weight')
  const others = [...stored.tensors.keys()].filter((key) => key !== 'weight' && key !== 'bias')
  return weight !== undefined && isFloating(weight.dtype) && others.length === 0
}
