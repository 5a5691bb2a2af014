import { createProvider, type Provider } from './create-provider.js'
import type { ModelSettings } from './settings.js'

export type { EmbeddingModelOptions } from './embedding-model.js'
export type { LanguageModelOptions } from './read-settings.js'
export type { LanguageModelSettings, ModelSettings } from './settings.js'

/** The same with version 4 of the interface: for `ai` 7, whose calls may say how much to think. */
export type HfquantProvider = Provider<'v4'>

/**
 * A provider with models of its own.
 *
 * @param settings of all its models that do not say otherwise.
 */
export const createHfquant = (settings: ModelSettings = {}): HfquantProvider => createProvider('v4', settings)

/** The provider of a program that needs no second one. */
export const hfquant: HfquantProvider = createHfquant()
