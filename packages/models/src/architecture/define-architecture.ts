import type {
  CheckpointMapping,
  FloatDtype,
  GraphValue,
  JsonObject,
  LayerCache,
  Module,
  Rescaling,
  Shell,
} from '@hfquant/core/runtime'
import type { GgufInput } from '../gguf/gguf-input.js'
import type { GgufModel } from '../gguf/gguf-model.js'
import type { EncoderOps } from '../ops/encoder-ops.js'
import type { Ops } from '../ops/ops.js'
import { demandHead, type EncoderFacts, type EncoderTask } from './encoder-facts.js'

/** What an application knows of every model, whatever its architecture. */
export interface ModelFacts {
  /** Rows of the token table, and logits of a token. */
  readonly vocabSize: number
  /** Positions that the model was made for: the longest prompt with everything generated from it. */
  readonly maxPositions: number
  /** What each layer keeps of the tokens that it has seen; none of an encoder keeps anything. */
  readonly layers: readonly LayerCache[]
  /** Channels that turn with positions, of each kind of layer; default those of the layers' keys. */
  readonly turning?: readonly number[] | undefined
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

/** What the definitions of all families have. */
interface CommonDefinition<Config> {
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
  /** True for tensors of a checkpoint that hold nothing the model reads, such as the masks of older files. */
  ignores?(name: string, config: Config): boolean
  /**
   * Channels of layers that may be divided where they are made, in the order of the arithmetic; methods that choose scales by
   * what flows through a model work without them, and lose more.
   */
  rescalings?(config: Config): readonly Rescaling[]
  /** How llama.cpp knows the model; absent for a family that it does not know. */
  gguf?(config: Config): GgufModel
  /** How its GGUF files are read; absent for a family whose are not, or for which another family reads them. */
  readonly ggufInput?: GgufInput | undefined
  /** Values of `model_type` by which `@huggingface/transformers` runs an exported folder; absent where it does not. */
  readonly onnxModelTypes?: readonly string[]
  /**
   * The model that it knows the family as a part of: it loads it by that name, and has the tables that tokens look up in a
   * graph of their own.
   */
  readonly onnxPartOf?: OnnxWhole | undefined
  /** Fields of config.json by which it would look for other inputs than the graph has: the exported one is without them. */
  readonly onnxWithout?: readonly string[] | undefined
}

/** A model around a text model. */
export interface OnnxWhole {
  /** Entry of `architectures`. */
  readonly name: string
  readonly modelType: string
}

/**
 * A family of models: how to read its config.json, what it is made of, how it is computed. A definition knows nothing of
 * files, of quantization or of the runtime; what works for one model works for every definition.
 */
export interface ArchitectureDefinition<Config> extends CommonDefinition<Config> {
  readonly kind?: 'decoder'
  /** The arithmetic from token ids to logits, written once: running it and exporting it are two kinds of `ops`. */
  forward(ops: Ops, config: Config): void
}

/** A family of models that read whole texts: the same, and what is computed for a task. */
export interface EncoderDefinition<Config> extends CommonDefinition<Config> {
  readonly kind: 'encoder'
  /** The entry of `names` that a configuration means; default the first. */
  name?(config: Config): string
  encoder(config: Config): EncoderFacts
  /** The arithmetic from token ids to the outputs of a task. */
  forward(ops: EncoderOps, config: Config, task: EncoderTask): void
  /** The configuration of a model whose files hold the tensors of these names: some parts may be in them or not. */
  fit?(config: Config, tensors: ReadonlySet<string>): Config
  /** Tasks that `@huggingface/transformers` has a class of the family for; default all. */
  readonly onnxTasks?: readonly EncoderTask[]
}

/** A family of models, as it is registered and found. */
export interface Architecture<Described extends ModelDescription = ModelDescription>
  extends Pick<CommonDefinition<unknown>, 'specVersion' | 'names' | 'modelTypes' | 'revision'> {
  readonly kind: Described['kind']
  readonly onnxModelTypes: readonly string[]
  /** Whether llama.cpp knows the family. */
  readonly hasGguf: boolean
  readonly ggufInput?: GgufInput | undefined
  /**
   * The model that a config.json describes.
   *
   * @param task of an encoder; default: the one that the file names.
   * @throws ConfigError naming the field; CapabilityError for a variant that is not offered, or a task that the model has
   * no head for.
   */
  describe(json: JsonObject, task?: EncoderTask): Described
  /**
   * The encoder that a config.json describes, as a part of another model; absent for a family that cannot be one.
   *
   * @param path of the encoder in that model.
   */
  backbone?(json: JsonObject, path: string): Backbone
  /** Of decoders, the same family as it makes vectors of texts; absent for one that is offered for generating only. */
  readonly embedding?: Architecture<EncoderDescription>
}

/** An encoder within another model, which puts layers of its own on the hidden states. */
export interface Backbone {
  readonly facts: ModelFacts
  readonly encoder: EncoderFacts
  /** For `checkpoint` of the shell. */
  readonly checkpoint: CheckpointMapping
  /** For `inputEmbedding` of the shell. */
  readonly inputEmbedding: string
  /** Adds the modules of the encoder at its path. */
  build(root: Module, dtype: FloatDtype): void
  /** Tokens to hidden states [tokens, 1, channels]. */
  forward(ops: EncoderOps): GraphValue
}

/** A model of a family, known from its configuration alone. */
export type ModelDescription = DecoderDescription | EncoderDescription

interface CommonDescription {
  /** A name of its architecture: of a decoder the first, of an encoder the one that tells what stands on it. */
  readonly name: string
  /** Of its architecture. */
  readonly revision: number
  readonly facts: ModelFacts
  readonly rescalings: readonly Rescaling[]
  /** A new shell each time. */
  build(dtype: FloatDtype): Shell
  /** True for the text model of a model that sees or hears as well: nothing else of it is read. */
  readonly isPart: boolean
  /** What the model calls a tensor of its files; undefined for one of a part that is not read. */
  tensorName(name: string): string | undefined
  /** @throws CapabilityError for a variant of the family that llama.cpp does not know. */
  readonly gguf: (() => GgufModel) | undefined
  /** None for a model that `@huggingface/transformers` has no class for. */
  readonly onnxModelTypes: readonly string[]
  readonly onnxPartOf: OnnxWhole | undefined
  readonly onnxWithout: readonly string[]
}

export interface DecoderDescription extends CommonDescription {
  readonly kind: 'decoder'
  forward(ops: Ops): void
}

export interface EncoderDescription extends CommonDescription {
  readonly kind: 'encoder'
  readonly encoder: EncoderFacts
  /** What `forward` gives. */
  readonly task: EncoderTask
  forward(ops: EncoderOps): void
  /** The model as it is when its files hold the tensors of these names. */
  fit(tensors: ReadonlySet<string>): EncoderDescription
}

/** Makes a family of models ready to be registered. */
export function defineArchitecture<Config>(
  definition: ArchitectureDefinition<Config>,
): Architecture<DecoderDescription>
export function defineArchitecture<Config>(
  definition: EncoderDefinition<Config>,
): Architecture<EncoderDescription>
export function defineArchitecture<Config>(
  definition: ArchitectureDefinition<Config> | EncoderDefinition<Config>,
): Architecture {
  const { specVersion, names, modelTypes, revision, onnxModelTypes = [], kind = 'decoder' } = definition
  return {
    ...{ specVersion, names, modelTypes, revision, onnxModelTypes, kind },
    hasGguf: definition.gguf !== undefined,
    ...(definition.ggufInput && { ggufInput: definition.ggufInput }),
    describe(json, task) {
      const config = definition.parseConfig(json)
      if (definition.kind !== 'encoder') {
        return {
          ...describeCommon(definition, config),
          kind: 'decoder',
          forward: (ops) => definition.forward(ops, config),
        }
      }
      const wanted = task ?? definition.encoder(config).tasks.at(-1)!
      demandHead(definition.encoder(config), wanted)
      return describeEncoder(definition, config, wanted)
    },
  }
}

function describeCommon<Config>(definition: CommonDefinition<Config>, config: Config): CommonDescription {
  const { names, modelTypes, revision, ignores } = definition
  const { onnxModelTypes = [], onnxPartOf, onnxWithout = [] } = definition
  const ignoring = ignores && { ignores: (name: string) => ignores(name, config) }
  return {
    ...{ name: names[0] ?? modelTypes[0] ?? '', revision, onnxModelTypes, onnxPartOf, onnxWithout },
    facts: definition.facts(config),
    rescalings: definition.rescalings?.(config) ?? [],
    build: (dtype) => ({ ...definition.build(config, dtype), ...ignoring }),
    isPart: false,
    tensorName: (name) => name,
    gguf: definition.gguf && (() => definition.gguf!(config)),
  }
}

function describeEncoder<Config>(
  definition: EncoderDefinition<Config>,
  config: Config,
  task: EncoderTask,
): EncoderDescription {
  return {
    ...describeCommon(definition, config),
    ...(definition.name && { name: definition.name(config) }),
    kind: 'encoder',
    encoder: definition.encoder(config),
    task,
    ...(definition.onnxTasks?.includes(task) === false && { onnxModelTypes: [] }),
    forward: (ops) => definition.forward(ops, config, task),
    fit: (tensors) => describeEncoder(definition, definition.fit?.(config, tensors) ?? config, task),
  }
}
