import { NoSuchModelError } from '@ai-sdk/provider'
import { createEmbeddingModel, type EmbeddingModel } from './embedding-model.js'
import { createLanguageModel, type LanguageModel } from './language-model.js'
import { loadEncoder, loadLanguageModel } from './load-model.js'
import { createModelPool, type ModelPool } from './model-pool.js'
import type { LanguageModelSettings, ModelSettings } from './settings.js'
import { type ModelSubject, toModelError } from './to-sdk-error.js'

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
    const loading = { ...defaults, ...given(own) }
    const subject = { modelId, modelType: 'languageModel', settings: loading } as const
    const load = useOf(languageModels, subject)
    return createLanguageModel(specificationVersion, modelId, { chatTemplate, toolFormat, reasoning }, load)
  }
  const embeddingModel = (modelId: string, settings: ModelSettings = {}) => {
    const loading = { ...defaults, ...given(settings) }
    const subject = { modelId, modelType: 'embeddingModel', settings: loading } as const
    return createEmbeddingModel(specificationVersion, modelId, useOf(encoders, subject))
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

/** Without settings that say nothing: an environment variable that is not set, for one. */
const given = (settings: ModelSettings): ModelSettings =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))

/** Takes a model out of the pool; what cannot be had is told as the AI SDK does. */
const useOf =
  <Model>(
    pool: ModelPool<ModelSettings, Model>,
    subject: ModelSubject & { readonly settings: ModelSettings },
  ) =>
  async (signal: AbortSignal | undefined): Promise<Model> => {
    try {
      return await pool.use(subject.modelId, subject.settings, signal)
    } catch (error) {
      throw toModelError(error, subject)
    }
  }
