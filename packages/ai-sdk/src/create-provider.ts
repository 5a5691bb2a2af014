import { NoSuchModelError } from '@ai-sdk/provider'
import { createEmbeddingModel, type EmbeddingModel } from './embedding-model.js'
import { createLanguageModel, type LanguageModel } from './language-model.js'
import { loadEncoder, loadLanguageModel } from './load-model.js'
import { createModelPool } from './model-pool.js'
import type { LanguageModelSettings, ModelSettings } from './settings.js'

/** Local models as a provider of the AI SDK; the versions of its interface differ in what models are called with. */
export interface Provider<Version> extends AsyncDisposable {
  /** Short for `languageModel`. */
  (modelId: string, settings?: LanguageModelSettings): LanguageModel<Version>
  readonly specificationVersion: Version
  /**
   * A language model in this process. Nothing is loaded before the first call; calls of one provider share what is loaded.
   *
   * @param modelId a model folder, or "organisation/name" on the Hugging Face hub.
   */
  languageModel(modelId: string, settings?: LanguageModelSettings): LanguageModel<Version>
  /**
   * An encoder that makes vectors of texts, in the same way.
   *
   * @param modelId a model folder, or "organisation/name" on the Hugging Face hub.
   */
  embeddingModel(modelId: string, settings?: ModelSettings): EmbeddingModel<Version>
  /** Short for `embeddingModel`. */
  embedding(modelId: string, settings?: ModelSettings): EmbeddingModel<Version>
  /** @throws NoSuchModelError: there are none. */
  imageModel(modelId: string): never
  /**
   * Ends what is under way, and frees the models that calls have loaded. Calls that come later load them anew, so that a program
   * may do this whenever it needs the memory.
   */
  dispose(): Promise<void>
}

/** @param defaults settings of models that do not say otherwise. */
export function createProvider<Version>(
  specificationVersion: Version,
  defaults: ModelSettings,
): Provider<Version> {
  const languageModels = createModelPool(loadLanguageModel)
  const encoders = createModelPool(loadEncoder)

  const languageModel = (modelId: string, settings: LanguageModelSettings = {}) => {
    const { chatTemplate, toolFormat, reasoning, ...own } = settings
    const loading = { ...defaults, ...own }
    const writing = { chatTemplate, toolFormat, reasoning }
    return createLanguageModel(specificationVersion, modelId, writing, (signal) =>
      languageModels.use(modelId, loading, signal),
    )
  }
  const embeddingModel = (modelId: string, settings: ModelSettings = {}) => {
    const loading = { ...defaults, ...settings }
    return createEmbeddingModel(specificationVersion, modelId, (signal) =>
      encoders.use(modelId, loading, signal),
    )
  }
  const dispose = async () => {
    await Promise.all([languageModels.dispose(), encoders.dispose()])
  }
  return Object.assign(
    (modelId: string, settings?: LanguageModelSettings) => languageModel(modelId, settings),
    {
      ...{ specificationVersion, languageModel, embeddingModel, dispose },
      embedding: embeddingModel,
      imageModel: (modelId: string): never => {
        throw new NoSuchModelError({ modelId, modelType: 'imageModel' })
      },
      [Symbol.asyncDispose]: dispose,
    },
  )
}
