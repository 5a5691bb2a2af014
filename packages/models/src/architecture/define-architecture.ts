import type { FloatDtype, JsonObject, LayerCache, Shell } from '@hfquant/core'
import type { GgufModel } from '../gguf/gguf-model.js'
import type { Ops } from '../ops/ops.js'

/** What an application knows of every model, whatever its architecture. */
export interface ModelFacts {
  /** Rows of the token table, and logits of a token. */
  readonly vocabSize: number
  /** Positions that the model was made for: the longest prompt with everything generated from it. */
  readonly maxPositions: number
  /** What each layer keeps of the tokens that it has seen. */
  readonly layers: readonly LayerCache[]
  /**
   * Length beyond which positions turn with other frequencies, from the first token on: a sequence that grows across it
   * is computed again.
   */
  readonly longRope?: number | undefined
  /** Of a mixture; undefined for a model that multiplies with all of its weights for every token. */
  readonly experts?: ExpertFacts | undefined
}

/** The experts of the layers that have some. */
export interface ExpertFacts {
  /** In a layer. */
  readonly count: number
  /** Those that a token meets. */
  readonly chosen: number
  /** Whether a module belongs to one of them. */
  owns(path: string): boolean
}

/**
 * A family of models: how to read its config.json, what it is made of, how it is computed. A definition knows nothing of
 * files, of quantization or of the runtime; what works for one model works for every definition.
 */
export interface ArchitectureDefinition<Config> {
  readonly specVersion: 1
  /** Entries of `architectures` in config.json: "LlamaForCausalLM". */
  readonly names: readonly string[]
  /** Values of `model_type`, for files whose `architectures` says nothing that is known. */
  readonly modelTypes: readonly string[]
  /** Raised whenever the same files come to give another graph: models compiled before are then made again. */
  readonly revision: number
  /** @throws ConfigError naming the field; CapabilityError for a variant that is not offered. */
  parseConfig(json: JsonObject): Config
  facts(config: Config): ModelFacts
  /** The model on the meta device, under the names of the checkpoint. */
  build(config: Config, dtype: FloatDtype): Shell
  /** The arithmetic from token ids to logits, written once: running it and exporting it are two kinds of `ops`. */
  forward(ops: Ops, config: Config): void
  /** True for tensors of a checkpoint that hold nothing the model reads, such as the masks of older files. */
  ignores?(name: string, config: Config): boolean
  /** How llama.cpp knows the model; absent for a family that it does not know. */
  gguf?(config: Config): GgufModel
  /** Values of `model_type` by which `@huggingface/transformers` runs an exported folder; absent where it does not. */
  readonly onnxModelTypes?: readonly string[]
}

/** A family of models, as it is registered and found. */
export interface Architecture
  extends Pick<ArchitectureDefinition<unknown>, 'specVersion' | 'names' | 'modelTypes' | 'revision'> {
  readonly onnxModelTypes: readonly string[]
  /** Whether llama.cpp knows the family. */
  readonly hasGguf: boolean
  /**
   * The model that a config.json describes.
   *
   * @throws ConfigError naming the field; CapabilityError for a variant that is not offered.
   */
  describe(json: JsonObject): ModelDescription
}

/** A model of a family, known from its configuration alone. */
export interface ModelDescription {
  /** First name of its architecture. */
  readonly name: string
  /** Of its architecture. */
  readonly revision: number
  readonly facts: ModelFacts
  /** A new shell each time. */
  build(dtype: FloatDtype): Shell
  forward(ops: Ops): void
  /** True for the text model of a model that sees or hears as well: nothing else of it is read. */
  readonly isPart: boolean
  /** What the model calls a tensor of its files; undefined for one of a part that is not read. */
  tensorName(name: string): string | undefined
  /** @throws CapabilityError for a variant of the family that llama.cpp does not know. */
  readonly gguf: (() => GgufModel) | undefined
  readonly onnxModelTypes: readonly string[]
}

/** Makes a family of models ready to be registered. */
export function defineArchitecture<Config>(definition: ArchitectureDefinition<Config>): Architecture {
  const { specVersion, names, modelTypes, revision, onnxModelTypes = [] } = definition
  return {
    ...{ specVersion, names, modelTypes, revision, onnxModelTypes },
    hasGguf: definition.gguf !== undefined,
    describe(json) {
      const config = definition.parseConfig(json)
      const { ignores } = definition
      const ignoring = ignores && { ignores: (name: string) => ignores(name, config) }
      return {
        ...{ name: names[0] ?? modelTypes[0] ?? '', revision, onnxModelTypes },
        facts: definition.facts(config),
        build: (dtype) => ({ ...definition.build(config, dtype), ...ignoring }),
        forward: (ops) => definition.forward(ops, config),
        isPart: false,
        tensorName: (name) => name,
        gguf: definition.gguf && (() => definition.gguf!(config)),
      }
    },
  }
}
