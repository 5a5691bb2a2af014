import {
  checkOptions,
  folderIdentity,
  type JsonObject,
  type LoadingReport,
  type QuantizationConfigInput,
  readUnreplaced,
  type TokenizerElsewhere,
} from '@hfquant/core/runtime'
import type { ModelDescription } from '@hfquant/models'
import type { Tokenizer } from '../../tokenizer/index.js'
import { findTokenizer } from '../open/folder-files.js'
import {
  checkSaveOptions,
  checkSignal,
  type LoadModelOptions,
  type SaveOptions,
} from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import type { ModelQuantization } from '../weights/quantization.js'
import { sharedWeights } from '../weights/shared-weights.js'
import type { Weights } from '../weights/weights.js'
import type { ModelMemory } from './memory.js'
import { saveFilled } from './save.js'
import { createState, type ModelSession, type SessionOpener, type State } from './state.js'
import { dequantizeVersion, quantizeVersion } from './version.js'

/**
 * What every loaded model offers, whatever it computes. Its graph is compiled on first use. `dispose` frees the session, its
 * thread and the open files; `await using` does so at the end of a block.
 */
export abstract class PretrainedModel<Session extends ModelSession> implements AsyncDisposable {
  /** @internal */
  protected readonly state: State<Session>
  readonly #options: LoadModelOptions
  /** Of the folder that the model came from. A model that is saved there takes its place. */
  #folderIdentity: string | undefined
  #tokenizer: Promise<Tokenizer | undefined> | undefined
  #disposal: Promise<void> | undefined

  /** @internal */
  constructor(weights: Weights, options: LoadModelOptions, opener: SessionOpener<Session>) {
    this.state = createState(weights, options, opener)
    this.#options = options
    this.#folderIdentity = weights.opened.folderIdentity
  }

  /** What became of the tensors of the checkpoint. */
  get loadingReport(): LoadingReport {
    return this.state.version.weights.loaded.report
  }

  /** Things worth knowing that are no errors. */
  get warnings(): readonly string[] {
    return this.state.version.warnings
  }

  /** Undefined for a float model. */
  get quantization(): ModelQuantization | undefined {
    return this.state.version.quantization
  }

  /** config.json as it was read; of a model that sees or hears as well, that of its text model. */
  get config(): JsonObject {
    return this.opened.configFile.value
  }

  /** The tokenizer beside the weights; undefined when the folder has none. */
  tokenizer(): Promise<Tokenizer | undefined> {
    this.#tokenizer ??= this.readBeside(findTokenizer)
    return this.#tokenizer
  }

  /** Bytes of all parameters as they are stored: each tied one once. */
  memoryFootprint(): number {
    return this.state.version.weights.parameterBytes()
  }

  /** What this model takes at the moment, in bytes: in memory and in files, its own and shared. Compiles nothing. */
  memoryUsage(): Promise<ModelMemory> {
    return this.state.memoryUsage()
  }

  /**
   * Writes the model folder in the layout that Python reads. The folder appears complete or not at all.
   *
   * @throws OutputError; CapabilityError when the method cannot be saved; the reason of `signal`.
   */
  async savePretrained(out: string, options: SaveOptions = {}): Promise<void> {
    checkSaveOptions(out, options)
    await this.state.run(async (signal) => {
      const shell = await this.state.fill(signal)
      const { workers, maxInFlightBytes } = this.#options
      const sourceIdentity = this.#folderIdentity
      const replacesSource = (await folderIdentity(out)) === sourceIdentity
      // What is read beside the weights is that of the files, whatever is saved.
      if (replacesSource) await Promise.allSettled(this.filesBeside())
      await saveFilled(out, shell, this.opened, {
        ...options,
        tokenizersElsewhere: this.tokenizersElsewhere(),
        ...{ workers, maxInFlightBytes, sourceIdentity, signal },
      })
      if (replacesSource) this.#folderIdentity = await folderIdentity(this.opened.folder)
    }, options.signal)
  }

  /**
   * Quantizes a loaded float model, from its files and as loading with the same configuration would have: no float copy
   * of a weight is made. A model that is quantized in this way already is left as it is.
   *
   * @param how "int8", or a configuration
   * @throws ConfigError for any other argument, and for a model that is quantized in another way; CapabilityError for one
   * that was dequantized; as `fromPretrained` with a `quantizationConfig`. The model is then what it was.
   */
  async quantize(
    how: 'int8' | QuantizationConfigInput | (string & {}) = 'int8',
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    checkOptions(options, ['signal'])
    checkSignal(options.signal)
    await this.state.change(
      (version, signal) => quantizeVersion(version, how, { ...this.#options, signal }),
      options.signal,
    )
  }

  /**
   * Makes this a float model: its weights become what the quantized ones stand for, in the dtype of the model. Saving
   * then writes a float checkpoint. A model that is not quantized is left as it is.
   */
  async dequantize(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkOptions(options, ['signal'])
    checkSignal(options.signal)
    await this.state.change(
      (version, signal) => dequantizeVersion(version, () => this.state.fill(signal), signal),
      options.signal,
    )
  }

  /** Ends what is under way, a save included, and frees the session, its thread and the open files. */
  dispose(): Promise<void> {
    this.#disposal ??= this.state.close()
    return this.#disposal
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  /** @internal */
  protected get opened(): OpenedModel {
    return this.state.version.opened
  }

  /**
   * Reads files beside the weights; those of another model that was put in their place are refused.
   *
   * @internal
   */
  protected readBeside<Result>(read: (folder: string) => Promise<Result>): Promise<Result> {
    const { folder } = this.opened
    return readUnreplaced(folder, this.#folderIdentity, () => read(folder))
  }

  /**
   * The weights as they are now, for a graph that computes something else with them.
   *
   * @internal
   */
  protected sharedWeights(model: ModelDescription): Promise<Weights> {
    return sharedWeights(this.state.version, model, this.#options)
  }

  /**
   * Tokenizers of the model that lie in other folders than its own, and where a saved model has them.
   *
   * @internal
   */
  protected tokenizersElsewhere(): readonly TokenizerElsewhere[] {
    return []
  }

  /**
   * Begins to read all that is ever read beside the weights.
   *
   * @internal
   */
  protected filesBeside(): readonly Promise<unknown>[] {
    return [this.tokenizer()]
  }
}
