import { registerShippedBackends } from './backends.js'

registerShippedBackends()

export {
  AutoQuantizationConfig,
  AutoQuantizer,
  cacheFolder,
  CapabilityError,
  CheckpointError,
  ConfigError,
  DeviceMapError,
  EnvironmentError,
  HfquantError,
  type LoadingReport,
  nodeEnvironment,
  OutputError,
  type ProgressEvent,
  registerQuantizer,
  RuntimeError,
} from '@hfquant/core'
export {
  type CausalLM,
  type GeneratedPiece,
  type GenerationOptions,
  type InspectedModule,
  inspectModel,
  type LoadModelOptions,
  type ModelInspection,
  quantizeModel,
  type QuantizeModelOptions,
  type QuantizeModelResult,
  type Tokenizer,
} from '@hfquant/transformers'
export { AutoModelForCausalLM, AutoTokenizer, type HubOptions } from './auto.js'
export { type InstalledBackend, installedBackends, recipe, recipeNames } from './backends.js'
export { HubError, resolveModel, type ResolveModelOptions } from './hub/index.js'
