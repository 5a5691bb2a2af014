import { createProvider, type Provider } from './create-provider.js'
import type { ModelSettings } from './settings.js'

export type { EmbeddingModelOptions } from './embedding-model.js'
export type { LanguageModelOptions } from './read-settings.js'
export type { LanguageModelSettings, ModelSettings } from './settings.js'

/** Local models for the AI SDK, with version 3 of its interface: for `ai` 6 and later. */
export type HfquantProvider = Provider<'v3'>

/**
 * A provider with models of its own.
 *
 * @param settings of all its models that do not say otherwise.
 */
export const createHfquant = (settings: ModelSettings = {}): HfquantProvider => createProvider('v3', settings)

/** The provider of a program that needs no second one. */
export const hfquant: HfquantProvider = createHfquant()
