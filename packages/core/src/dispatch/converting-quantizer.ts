import type { IntegerForm, QuantizedFormat, Skip, WeightInfo } from '../contract/format.js'
import type { FormatContext } from '../contract/quantizer.js'
import { CapabilityError } from '../errors/families.js'
import type { Checkpoint } from '../load/checkpoint.js'
import { walkModules } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { carriedTensors } from './carry-tensors.js'
import { formatInvalid } from './check-format.js'
import type { DefinedQuantizer } from './define-quantizer.js'
import { FormatQuantizer } from './format-quantizer.js'
import type { HfQuantizer, PreprocessContext, PreprocessResult, WeightPlan } from './hf-quantizer.js'
import { MethodConfig } from './method-config.js'
import type { FormatRules } from './place-formats.js'
import type { SkipList } from './skip-list.js'

/** A quantized model whose weights have been planned, and not been read. */
export interface ConversionSource {
  readonly quantizer: HfQuantizer
  readonly shell: Shell
}

/**
 * The lifecycle of a method over weights that are quantized with another one: what was quantized is packed anew, and what was
 * float stays that, whatever the method would choose.
 *
 * @throws CapabilityError CONVERSION_INEXACT for a weight that is more than integers on a grid, and for what `convert.config`
 * refuses. `preprocess` throws it for weights that the method cannot store, and for tensors that it has no place for.
 */
export function convertingQuantizer<Config extends object>(
  backend: DefinedQuantizer<Config>,
  { quantizer, shell }: ConversionSource,
): HfQuantizer {
  const { quantMethod, definition } = backend
  const [carried] = carriedTensors(shell)
  if (carried !== undefined) throw inexact(quantMethod, carried, 'is a tensor that belongs to no weight')
  const weights = new Map(
    [...walkModules(shell.root)].flatMap(([path, module]) =>
      module instanceof QuantizedModule ? [[path, { module, form: formOf(path, module, quantMethod) }]] : [],
    ),
  )
  const grids = [...weights.values()].map(({ module, form }) => ({ weight: module.info, grid: form.grid }))
  const config = new MethodConfig(backend, definition.convert!.config(grids), new Set())
  return new ConvertingQuantizer(backend, config, quantizer, weights)
}

/** A weight of the source. */
interface SourceWeight {
  readonly module: QuantizedModule
  readonly form: IntegerForm
}

function formOf(path: string, { format }: QuantizedModule, method: string): IntegerForm {
  const { integers, name } = format
  if (integers === undefined) throw inexact(method, path, `is ${name}, which is not integers in groups`)
  if ('skip' in integers) throw inexact(method, path, integers.skip)
  return integers
}

class ConvertingQuantizer<Config extends object> extends FormatQuantizer<Config> {
  constructor(
    backend: DefinedQuantizer<Config>,
    config: MethodConfig<Config>,
    private readonly source: HfQuantizer,
    private readonly weights: ReadonlyMap<string, SourceWeight>,
  ) {
    super(backend, config, false)
  }

  protected override get rules(): FormatRules {
    return { ...super.rules, defers: true, formatFor: (weight, context) => this.formatOf(weight, context) }
  }

  private formatOf(weight: WeightInfo, context: FormatContext): QuantizedFormat | Skip {
    const source = this.weights.get(weight.path)
    if (source === undefined) return { skip: 'is stored in float' }
    const choice = this.definition.convert!.formatFor(weight, source.form.grid, this.config.value, context)
    if (!('skip' in choice) && choice.pack === undefined) {
      throw formatInvalid('the format of convert.formatFor has no pack', weight, this.quantMethod)
    }
    return choice
  }

  /** What was quantized is known, and nothing is left out of it. */
  protected override skipsOf(): SkipList {
    return { entries: [], unmatched: [] }
  }

  /** The config was made here, of weights that exist. */
  override validateEnvironment(): void {}

  override tensorName(name: string): string {
    return this.source.tensorName(name)
  }

  override async preprocess(context: PreprocessContext): Promise<PreprocessResult> {
    const result = await super.preprocess(context)
    for (const [path, { module }] of this.weights) {
      if (result.quantized.includes(path)) continue
      const reason = result.skipped.find((skipped) => skipped.module === path)?.reason
      throw inexact(this.quantMethod, path, reason ?? `is a quantized ${module.info.kind}`)
    }
    return result
  }

  override load(module: QuantizedModule, checkpoint: Checkpoint): WeightPlan {
    const { module: own, form } = this.weights.get(module.info.path)!
    const plan = this.source.load(own, checkpoint)
    if (plan.kind !== 'stored') throw new TypeError(`${module.info.path} is ${plan.kind}, expected stored`)
    return { kind: 'packed', form, parts: plan.parts }
  }

  override async postprocess(): Promise<void> {}
}

const inexact = (method: string, module: string, reason: string): CapabilityError =>
  new CapabilityError(
    'CONVERSION_INEXACT',
    `${module} ${reason}: it cannot be stored as "${method}" unchanged`,
    {
      ...{ module, found: reason, expected: `what "${method}" stores bit for bit` },
      hint: 'Choose another method to convert to, or quantize the float model that this one was made from.',
    },
  )
