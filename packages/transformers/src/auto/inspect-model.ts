import {
  checkOptions,
  elementCount,
  type FloatDtype,
  type JsonObject,
  joinPath,
  type Module,
  QuantizedModule,
  stateDict,
  type TensorInfo,
  tensorBytes,
  walkModules,
} from '@hfquant/core/runtime'
import type { EncoderTask, ExpertFacts } from '@hfquant/models'
import type { WantedModel } from './open/demand-kind.js'
import { openModel } from './open/open-model.js'
import { planOpened } from './weights/plan-opened.js'

/** What a model folder holds, as config.json and the headers of its files tell it. */
export interface ModelInspection {
  /** `architectures[0]` of config.json. */
  readonly architecture: string
  /** What the model computes. */
  readonly task: EncoderTask | 'causal-lm'
  /** Undefined for a float model. */
  readonly quantization: { readonly method: string; readonly config: JsonObject } | undefined
  /** Precision of what is not quantized. */
  readonly dtype: FloatDtype
  readonly vocabSize: number
  /** Positions that the model was made for. */
  readonly contextLength: number
  /** Values of the float model: a quantized weight counts as the matrix that it stands for, a tied one once. */
  readonly parameters: number
  /** Bytes of the weight files. */
  readonly bytesOnDisk: number
  /** Of a mixture. */
  readonly experts: InspectedExperts | undefined
  /** `file` is a path. */
  readonly tensors: readonly (TensorInfo & { readonly name: string; readonly file: string })[]
  /** Modules that own parameters, in the order of the model. */
  readonly modules: readonly InspectedModule[]
  readonly warnings: readonly string[]
}

export interface InspectedExperts {
  /** In a layer. */
  readonly count: number
  /** Those that a token meets. */
  readonly chosen: number
  /** Weights of all experts of all layers. */
  readonly parameters: number
  /** Weights that one token meets, of experts and of everything else. */
  readonly activeParameters: number
}

export interface InspectedModule {
  readonly name: string
  /** Whether it belongs to one of the experts of its layer. */
  readonly isExpert: boolean
  /** Whether its weight is that of another module: both are listed, one is stored. */
  readonly isTied: boolean
  readonly kind: 'linear' | 'embedding' | 'other'
  /** How the weight is stored: the name of a quantized format, or a float dtype. */
  readonly format: string
  readonly quantized: boolean
  /** Why a module of a quantized model is in float. */
  readonly reason?: string
  /** Values of the weight matrix. */
  readonly weightElements: number
  /** Bytes of the tensors that hold the weight: codes, scales, zero points and the like; without the bias. */
  readonly weightBytes: number
}

/**
 * Describes a model folder. Tensor data is not touched, except that the two tensors of a tie are compared when a
 * checkpoint holds both.
 *
 * @param wanted how the folder is read; default: as config.json says.
 * @throws ConfigError, CheckpointError or EnvironmentError, as loading the model would.
 */
export async function inspectModel(
  folder: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
  wanted: WantedModel = {},
): Promise<ModelInspection> {
  checkOptions(options, ['signal'])
  const { signal } = options
  const opened = await openModel(folder, { signal }, wanted)
  const { checkpoint, model, dtype, merged } = opened
  try {
    const { shell, quantization, warnings } = await planOpened(opened, { signal })
    const reasons = new Map(quantization?.skipped.map(({ module, reason }) => [module, reason]))
    const aliases = new Set(shell.ties.map(({ alias }) => alias))
    const owners = [...walkModules(shell.root)].filter(([, module]) => module.parameters.size > 0)
    const modules = owners.map(([name, module]) => {
      const isExpert = model.facts.experts?.owns(name) ?? false
      const weightKeys = [...module.parameters.keys()].filter((key) => key !== 'bias')
      const isTied = weightKeys.length > 0 && weightKeys.every((key) => aliases.has(joinPath(name, key)))
      const described = { ...describeModule(name, module), isExpert, isTied }
      const reason = reasons.get(name) ?? (described.kind === 'linear' ? undefined : 'is not a linear layer')
      const isKept = quantization !== undefined && !described.quantized
      return isKept && reason !== undefined ? { ...described, reason } : described
    })
    const { experts } = model.facts
    const parameters = stateDict(shell, true).reduce((sum, { shape }) => sum + elementCount(shape), 0)
    return {
      architecture: model.name,
      task: model.kind === 'encoder' ? model.task : 'causal-lm',
      quantization: merged && { method: merged.method, config: merged.config.toDict() },
      dtype,
      vocabSize: model.facts.vocabSize,
      contextLength: model.facts.maxPositions,
      parameters,
      experts: experts && inspectExperts(experts, modules, parameters),
      bytesOnDisk: checkpoint.bytesOnDisk,
      tensors: [...checkpoint.tensors.values()].map(({ name, file, ...info }) => ({
        name,
        file,
        dtype: info.dtype,
        shape: info.shape,
      })),
      modules,
      warnings,
    }
  } finally {
    await checkpoint.close()
  }
}

function inspectExperts(
  { count, chosen }: ExpertFacts,
  modules: readonly InspectedModule[],
  total: number,
): InspectedExperts {
  const parameters = modules.reduce(
    (sum, { isExpert, weightElements }) => sum + (isExpert ? weightElements : 0),
    0,
  )
  return { count, chosen, parameters, activeParameters: total - parameters + (parameters / count) * chosen }
}

function describeModule(name: string, module: Module): Omit<InspectedModule, 'isExpert' | 'isTied'> {
  if (module instanceof QuantizedModule) {
    const { info: weight, format, components } = module
    const weightElements = weight.outFeatures * weight.inFeatures
    const weightBytes = components.reduce((sum, part) => sum + tensorBytes(part.dtype, part.shape), 0)
    return { name, kind: weight.kind, format: format.name, quantized: true, weightElements, weightBytes }
  }
  const weight = module.parameters.get('weight') ?? [...module.parameters.values()][0]!
  const kind = module.slot?.kind ?? 'other'
  return {
    name,
    kind,
    format: weight.dtype,
    quantized: false,
    weightElements: elementCount(weight.shape),
    weightBytes: weight.byteLength,
  }
}
