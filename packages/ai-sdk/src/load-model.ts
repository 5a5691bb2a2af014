import {
  AutoModel,
  AutoModelForCausalLM,
  type BaseEncoder,
  type CausalLM,
  type HubOptions,
  type LoadModelOptions,
  recipe,
} from 'hfquant'
import type { ModelSettings } from './settings.js'

export const loadLanguageModel = async (
  modelId: string,
  settings: ModelSettings,
  signal: AbortSignal,
): Promise<CausalLM> => AutoModelForCausalLM.fromPretrained(modelId, await optionsOf(settings, signal))

export const loadEncoder = async (
  modelId: string,
  settings: ModelSettings,
  signal: AbortSignal,
): Promise<BaseEncoder> => AutoModel.fromPretrained(modelId, await optionsOf(settings, signal))

async function optionsOf(
  { quantize, ...settings }: ModelSettings,
  signal: AbortSignal,
): Promise<LoadModelOptions & HubOptions> {
  const options = { ...settings, signal }
  if (quantize === undefined) return options
  if (typeof quantize !== 'string') return { ...options, quantizationConfig: quantize }
  // The short way of the library to say it, and no recipe.
  if (quantize.toLowerCase() === 'int8') return { ...options, quantize }
  return { ...options, quantizationConfig: await recipe(quantize) }
}
