import {
  CapabilityError,
  type Checkpoint,
  type CheckpointTensor,
  ConfigError,
  type DefinedConfig,
  type FloatDtype,
  FormatQuantizer,
  type JsonObject,
  type PostprocessContext,
  type PreprocessContext,
  type PreprocessResult,
  type QuantizedModule,
  type QuantizerDefinition,
  type WeightPlan,
} from '@hfquant/core'
import { calibrate } from './calibrate/calibrate.js'
import { withHeadRule } from './config/dynamic-rules.js'
import { formatSettings } from './config/format-settings.js'
import { readSettings } from './config/read-settings.js'
import type { GptqSettings } from './config/settings.js'
import { chooseFormat } from './format/choose-format.js'
import { settleZeroPoints } from './format/settle-zero-points.js'
import { adoptStoredBiases } from './format/stored-bias.js'

export type GptqConfiguration = DefinedConfig<GptqSettings>

const definition: QuantizerDefinition<GptqSettings> = {
  specVersion: 1,
  revision: 2,
  quantMethod: 'gptq',
  parseConfig: readSettings,
  formatConfig: formatSettings,
  warnings: ({ source }) =>
    source !== null && source.sym === undefined && source.zero_point === undefined
      ? ['the config has no "sym"; taken as symmetric']
      : [],
  // The head is on the default skip list; asking for it takes the list's place.
  skipModules: ({ lmHead }) => (lmHead ? [] : undefined),
  replacesDefaultSkips: ({ lmHead }) => lmHead,
  formatFor: chooseFormat,
}

export const toConfiguration = (
  value: GptqSettings,
  explicitKeys: ReadonlySet<string>,
): GptqConfiguration => ({
  quantMethod: 'gptq',
  explicitKeys,
  value,
  toDict: (): JsonObject => ({ quant_method: 'gptq', ...formatSettings(value) }),
})

/** GPTQ at work on one model: what streams in is packed as it is, or quantized once the whole model is in place. */
export class GptqQuantizer extends FormatQuantizer<GptqSettings> {
  constructor(config: GptqConfiguration, preQuantized: boolean) {
    super(definition, config, preQuantized, toConfiguration)
    // A config made here begins without what a file said.
    if (!preQuantized) this.config = toConfiguration({ ...config.value, source: null }, config.explicitKeys)
  }

  override validateEnvironment(): void {
    const { method, dataset } = this.config.value
    if (this.preQuantized || method === 'rtn' || dataset !== null) return
    throw new ConfigError('CALIBRATION_MISSING', 'GPTQ quantizes with calibration data, and there is none', {
      field: 'dataset',
      expected: 'texts, lists of token ids, or { file }',
      hint: "Pass `dataset` (`--calibration FILE` on the command line), or use `method: 'rtn'`.",
    })
  }

  /** float16 is the dtype of the scales, and the one that every reader expects. */
  override updateDtype(dtype: FloatDtype, chosen: boolean): FloatDtype {
    return this.preQuantized || chosen ? dtype : 'float16'
  }

  override weightFiles(): readonly string[] {
    if (!this.preQuantized) return []
    const { modelFileBaseName, bits, groupSize } = this.config.value
    const legacy = `gptq_model-${bits}bit-${groupSize}g`
    return [modelFileBaseName, legacy].flatMap((name) => (name === null ? [] : [`${name}.safetensors`]))
  }

  override async preprocess(context: PreprocessContext): Promise<PreprocessResult> {
    const { shell, checkpoint } = context
    if (!this.preQuantized && this.config.value.lmHead) this.includeHead(context)
    const result = await super.preprocess(context)
    if (this.preQuantized) await adoptStoredBiases(shell, result.quantized, checkpoint)
    return result
  }

  private includeHead({ shell }: PreprocessContext): void {
    const { value, explicitKeys } = this.config
    const head = shell.outputEmbedding
    if (shell.ties.some(({ alias }) => alias.startsWith(`${head}.`))) {
      throw new CapabilityError(
        'LM_HEAD_TIED',
        `lm_head is true, but ${head} shares its weight with the embedding`,
        {
          module: head,
          field: 'lm_head',
          hint: 'Leave lm_head out.',
        },
      )
    }
    this.config = toConfiguration({ ...value, dynamic: withHeadRule(value.dynamic, head) }, explicitKeys)
  }

  override load(module: QuantizedModule, checkpoint: Checkpoint): WeightPlan {
    const plan = super.load(module, checkpoint)
    if (plan.kind !== 'quantize' || this.config.value.method === 'rtn') return plan
    return { kind: 'deferred', source: plan.source satisfies CheckpointTensor }
  }

  override async postprocess(context: PostprocessContext): Promise<void> {
    if (this.preQuantized) return
    if (context.deferred.length > 0) await calibrate(this.config.value, context)
    const format = await settleZeroPoints(this.config.value.format, context.shell)
    const value = { ...this.config.value, format, dataset: null }
    this.config = toConfiguration(value, this.config.explicitKeys)
  }

  override sidecarFiles(): Readonly<Record<string, JsonObject>> {
    return { 'quantize_config.json': this.config.toDict() }
  }
}
