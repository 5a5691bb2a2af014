import { registerShippedBackends } from './backends.js'

registerShippedBackends()

export {
  AutoQuantizationConfig,
  AutoQuantizer,
  CapabilityError,
  CheckpointError,
  ConfigError,
  cacheFolder,
  DeviceMapError,
  EnvironmentError,
  HfquantError,
  type LoadingReport,
  nodeEnvironment,
  OutputError,
  type ProgressEvent,
  RuntimeError,
  registerQuantizer,
} from '@hfquant/core'
export {
  type CausalLM,
  type GeneratedPiece,
  type GenerationOptions,
  type InspectedModule,
  inspectModel,
  type LoadModelOptions,
  type ModelInspection,
  type QuantizeModelOptions,
  type QuantizeModelResult,
  quantizeModel,
  type Tokenizer,
} from '@hfquant/transformers'
export { AutoModelForCausalLM, AutoTokenizer, type HubOptions } from './auto.js'
export {
  type InstalledBackend,
  installedBackends,
  type RecipeOptions,
  recipe,
  recipeNames,
} from './backends.js'
export { HubError, type HubErrorCode, type ResolveModelOptions, resolveModel } from './hub/index.js'
