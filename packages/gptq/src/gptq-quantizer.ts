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
  unknownKeysRemark,
  type WeightPlan,
} from '@hfquant/core'
import { calibrate } from './calibrate/calibrate.js'
import { withHeadRule } from './config/dynamic-rules.js'
import { type LayerPaths, refuseMixedBlocks, stateFloatLayers } from './config/float-layers.js'
import { formatSettings } from './config/format-settings.js'
import { KNOWN_KEYS } from './config/known-keys.js'
import { readSettings, settingsFor } from './config/read-settings.js'
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
  warnings: ({ source, lmHead }) => (source === null ? remarksOnMade(lmHead) : remarksOnRead(source)),
  // The head is on the default skip list; asking for it takes the list's place.
  skipModules: ({ lmHead }) => (lmHead ? [] : undefined),
  replacesDefaultSkips: ({ lmHead }) => lmHead,
  formatFor: chooseFormat,
}

const remarksOnMade = (lmHead: boolean): readonly string[] =>
  lmHead
    ? [
        'transformers does not read a quantized output projection: it would put a head of random weights in its place; GPTQModel and vLLM read it',
      ]
    : []

const remarksOnRead = (source: JsonObject): readonly string[] => [
  ...(source.sym === undefined && source.zero_point === undefined
    ? ['the config has no "sym"; taken as symmetric']
    : []),
  ...unknownKeysRemark(
    Object.fromEntries(Object.entries(source).filter(([key]) => !KNOWN_KEYS.includes(key.toLowerCase()))),
  ),
]

export const toConfiguration = (
  value: GptqSettings,
  explicitKeys: ReadonlySet<string>,
): GptqConfiguration => ({
  quantMethod: 'gptq',
  explicitKeys,
  value,
  toDict: (): JsonObject => ({ quant_method: 'gptq', ...formatSettings(value) }),
})

/** In the order of the usual names. */
const ENDINGS = ['.safetensors', '.safetensors.index.json', '.bin', '.bin.index.json', '.pt']

/** GPTQ at work on one model: what streams in is packed as it is, or quantized once the whole model is in place. */
export class GptqQuantizer extends FormatQuantizer<GptqSettings> {
  #layers: LayerPaths = { quantized: [], float: [] }

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

  /** The names that AutoGPTQ gave: that of the config, and the one that it made of the settings. */
  override weightFiles(): readonly string[] {
    if (!this.preQuantized) return []
    const { modelFileBaseName, bits, groupSize } = this.config.value
    const names = [modelFileBaseName, `gptq_model-${bits}bit-${groupSize}g`]
    return names.flatMap((name) => (name === null ? [] : ENDINGS.map((ending) => `${name}${ending}`)))
  }

  override async preprocess(context: PreprocessContext): Promise<PreprocessResult> {
    const { shell, checkpoint } = context
    if (!this.preQuantized && this.config.value.lmHead) this.includeHead(context)
    const result = await super.preprocess(context)
    if (this.preQuantized) {
      await adoptStoredBiases(shell, result.quantized, checkpoint)
      return result
    }
    this.#layers = { quantized: result.quantized, float: result.skipped.map(({ module }) => module) }
    const { value, explicitKeys } = this.config
    this.config = toConfiguration(stateFloatLayers(value, this.#layers), explicitKeys)
    const remarks = overridesRemark(value, result.quantized, shell.outputEmbedding)
    return { ...result, warnings: [...result.warnings, ...remarks] }
  }

  override checkSavable(): void {
    super.checkSavable()
    refuseMixedBlocks(this.#layers)
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

/** A word about modules with settings of their own: only readers of `dynamic` know them. */
function overridesRemark(settings: GptqSettings, quantized: readonly string[], head: string): string[] {
  const { bits, groupSize } = settings
  const own = quantized.find((path) => {
    const found = settingsFor(settings, path)
    return path !== head && found !== undefined && (found.bits !== bits || found.groupSize !== groupSize)
  })
  if (own === undefined) return []
  return [
    `transformers does not read \`dynamic\`, which has settings of its own for ${own}; GPTQModel and vLLM do`,
  ]
}
