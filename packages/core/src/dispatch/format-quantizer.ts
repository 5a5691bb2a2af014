import type {
  ModelOutline,
  QuantizerDefinition,
  Selection,
  SelectionOutcome,
} from '../contract/definition.js'
import type { JsonObject } from '../contract/json.js'
import type { ConfigFile, Environment, SavedTensor } from '../contract/quantizer.js'
import type { FloatDtype } from '../contract/tensor.js'
import type { Checkpoint } from '../load/checkpoint.js'
import { missingTensors } from '../load/missing-tensors.js'
import type { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { calibrationContext } from './calibration-context.js'
import { carryTensors } from './carry-tensors.js'
import { checkSelection } from './check-definition.js'
import type { DefinedQuantizer } from './define-quantizer.js'
import {
  HfQuantizer,
  type PostprocessContext,
  type PreprocessContext,
  type PreprocessResult,
  type WeightPlan,
} from './hf-quantizer.js'
import { MethodConfig } from './method-config.js'
import { nothingQuantized, type PassedOver, passedOver, refuseFloat } from './nothing-quantized.js'
import { candidateWeights, type FormatRules, placeFormats } from './place-formats.js'
import { outcomeOf } from './selection-outcome.js'
import { listField, resolveSkips, type SkipList, skipReason } from './skip-list.js'

/** The lifecycle of a method that is described by a definition. */
export class FormatQuantizer<Config extends object> extends HfQuantizer {
  readonly quantMethod: string
  #useless: PassedOver | undefined
  #outcome: SelectionOutcome | undefined
  /** True when the config is no longer the one that the checkpoint came with. */
  #isRewritten = false
  #sizesVary = false

  constructor(
    private readonly backend: DefinedQuantizer<Config>,
    public override config: MethodConfig<Config>,
    preQuantized: boolean,
  ) {
    super(config, preQuantized)
    this.quantMethod = backend.quantMethod
  }

  protected get definition(): QuantizerDefinition<Config> {
    return this.backend.definition
  }

  private get selection(): Selection<Config> {
    const selection = this.definition.select?.(this.config.value) ?? {}
    checkSelection(selection, this.quantMethod)
    return selection
  }

  protected get rules(): FormatRules {
    const { quantMethod, preQuantized, defers, definition, config } = this
    return {
      ...{ quantMethod, preQuantized, defers, stacks: this.stackedComponents.length > 0 },
      formatFor: (weight, context) => definition.formatFor(weight, config.value, context),
    }
  }

  private configure(value: Config): void {
    if (value !== this.config.value) {
      this.config = new MethodConfig(this.backend, value, this.config.explicitKeys)
    }
  }

  override validateEnvironment(environment: Environment): void {
    super.validateEnvironment(environment)
    const { preQuantized, config } = this
    this.definition.config.check?.(config.value, { preQuantized, environment })
  }

  override updateDtype(dtype: FloatDtype, chosen: boolean): FloatDtype {
    return this.preQuantized || chosen ? dtype : (this.definition.files?.dtype ?? dtype)
  }

  override weightFiles(): readonly string[] {
    return this.preQuantized ? (this.definition.files?.weights?.(this.config.value) ?? []) : []
  }

  override async preprocess({ shell, checkpoint }: PreprocessContext): Promise<PreprocessResult> {
    if (this.preQuantized) this.definition.files?.checkLoadable?.(this.config.value, checkpoint)
    const { adapt } = this.selection
    if (!this.preQuantized && adapt !== undefined) this.configure(adapt(outlineOf(shell)))
    const { selection } = this
    const skips = this.skipsOf(shell, selection)
    const { embeddings = false } = selection
    const isNamed = typeof embeddings === 'function' ? embeddings : () => embeddings
    const candidates = candidateWeights({ shell, checkpoint }, isNamed, this.preQuantized)
    const placed = await placeFormats({ shell, checkpoint }, candidates, skips, this.rules)
    const { quantized, skipped } = placed
    this.#sizesVary = placed.sizesVary
    const { carries } = this.definition.files ?? {}
    if (this.preQuantized && carries !== undefined) carryTensors(shell, checkpoint, carries)
    if (quantized.length === 0) {
      if (this.preQuantized) refuseFloat(this.quantMethod, checkpoint, skips, skipped)
      else this.#useless = passedOver(shell, skipped)
    }
    const hasList = selection.keep !== undefined
    const outcome = outcomeOf({ shell, skips, hasList, candidates, ...placed })
    this.#outcome = outcome
    this.settleConfig(checkpoint, outcome)
    const warnings = [
      ...(this.definition.config.warnings?.(this.config.value, outcome) ?? []),
      ...new Set(placed.remarks),
      ...skips.unmatched.map((entry) => `the skip list names "${entry}", which no module is called`),
    ]
    if (quantized.length === 0) warnings.push('no module was quantized')
    const promised = this.preQuantized ? skipped.filter(({ module }) => !skipReason(skips, module)) : []
    return {
      quantized,
      skipped: [...skipped, ...placed.kept],
      promised: promised.map(({ module }) => module),
      warnings,
    }
  }

  /** A model that would be saved as quantized, and of which nothing is, could not be loaded again. */
  override checkSavable(): void {
    super.checkSavable()
    const outcome = this.preQuantized ? undefined : this.#outcome
    if (outcome !== undefined) this.definition.files?.checkSavable?.(this.config.value, outcome)
    if (this.#useless === undefined) return
    throw nothingQuantized(this.quantMethod, this.#useless)
  }

  override load(module: QuantizedModule, checkpoint: Checkpoint): WeightPlan {
    const { path } = module.info
    if (!this.preQuantized) {
      const source = checkpoint.tensors.get(module.tensor)
      if (source === undefined) throw missingTensors([module.tensor], checkpoint)
      return { kind: this.defers ? 'deferred' : 'quantize', source }
    }
    const parts = module.components.map(({ key }) => {
      const part = checkpoint.tensors.get(`${path}.${key}`)
      if (part === undefined) throw missingTensors([`${path}.${key}`], checkpoint)
      return [key, part] as const
    })
    return { kind: 'stored', parts: new Map(parts) }
  }

  override async postprocess(context: PostprocessContext): Promise<void> {
    const { calibrate } = this.definition
    if (this.preQuantized || calibrate === undefined) return
    this.configure(await calibrate.run(this.config.value, calibrationContext(context)))
  }

  private get defers(): boolean {
    return this.definition.calibrate?.defers(this.config.value) ?? false
  }

  override get untiesEmbeddings(): boolean {
    return !this.preQuantized && (this.selection.untie ?? false)
  }

  override get rewritesConfig(): boolean {
    return !this.preQuantized || this.#isRewritten
  }

  override get configFile(): ConfigFile | undefined {
    return this.definition.config.file
  }

  override get stackedComponents(): readonly string[] {
    return this.definition.files?.stacked ?? []
  }

  override get savesFloats(): boolean {
    return this.definition.files?.savesFloats ?? false
  }

  override tensorName(name: string): string {
    return this.preQuantized ? (this.definition.files?.name?.(name) ?? name) : name
  }

  override get revision(): number | undefined {
    return this.definition.revision
  }

  override get sizesDependOnValues(): boolean {
    return !this.preQuantized && this.#sizesVary
  }

  override checkpointMetadata(tensors: readonly SavedTensor[]): Record<string, string> {
    return this.definition.files?.metadata?.(tensors, this.config.value) ?? {}
  }

  override sidecarFiles(): Readonly<Record<string, JsonObject>> {
    return this.definition.files?.sidecars?.(this.config.value) ?? {}
  }

  protected skipsOf(
    shell: Shell,
    { keep, replaceDefaults = false, embeddings }: Selection<Config>,
  ): SkipList {
    return resolveSkips(shell, {
      user: keep,
      field: listField(keep, this.config.toDict()),
      replace: this.preQuantized || replaceDefaults,
      includesEmbeddings: embeddings === true,
    })
  }

  /** The config to be saved. */
  private settleConfig(checkpoint: Checkpoint, outcome: SelectionOutcome): void {
    if (!this.preQuantized) {
      const recorded = this.selection.record?.(outcome)
      if (recorded !== undefined) this.configure(recorded)
      return
    }
    const rewritten = this.definition.files?.rewrite?.(this.config.value, checkpoint)
    this.#isRewritten = rewritten !== undefined
    if (rewritten !== undefined) this.configure(rewritten)
  }
}

const outlineOf = ({ outputEmbedding, ties }: Shell): ModelOutline => ({
  head: outputEmbedding,
  headIsTied: ties.some(({ alias }) => alias.startsWith(`${outputEmbedding}.`)),
})
