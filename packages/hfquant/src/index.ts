import { registerShippedBackends } from './backends.js'

registerShippedBackends()

export {
  AutoQuantizationConfig,
  AutoQuantizer,
  CapabilityError,
  CheckpointError,
  ConfigError,
  cacheFolder,
  createWorkFolder,
  DeviceMapError,
  EnvironmentError,
  escapeUnprintable,
  HfquantError,
  INFO_CHANNEL,
  type InfoEvent,
  type LoadingReport,
  nodeEnvironment,
  OutputError,
  type ProcessMemory,
  type ProgressEvent,
  printable,
  processMemory,
  type QuantizationConfig,
  RuntimeError,
  registerQuantizer,
} from '@hfquant/core'
export {
  type Architecture,
  decoderFamily,
  defineArchitecture,
  registerArchitecture,
} from '@hfquant/models'
export {
  type CausalLM,
  type CompiledModel,
  EXPORT_TYPES,
  type ExportModelOptions,
  type ExportModelResult,
  exportModel,
  type GeneratedPiece,
  type GenerateOptions,
  type GenerationOptions,
  type InspectedExperts,
  type InspectedModule,
  inspectModel,
  type LoadModelOptions,
  listCompiledModels,
  type ModelInspection,
  type ModelMemory,
  pruneCompiledModels,
  type QuantizeModelOptions,
  type QuantizeModelResult,
  quantizeModel,
  removeCompiledModels,
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
