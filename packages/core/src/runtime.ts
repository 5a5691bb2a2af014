export { createKernelPool, type KernelPool } from '@hfquant/kernels'
export { cacheFolder, isTrusted } from './cache/cache-folder.js'
export {
  type CacheEntry,
  type EntryManifest,
  entryFolder,
  isTrustedEntry,
  listEntries,
  MANIFEST_FILE,
  markUsed,
  pruneEntries,
  readManifest,
  removeEntry,
} from './cache/entries.js'
export { digestParts, type FileDigests, fileDigests, joinDigests, PART_BYTES } from './cache/file-digests.js'
export { hubCacheFolder, hubTokenFile } from './cache/hub-cache-folder.js'
export {
  adoptWorkFolder,
  createScratchFolder,
  createTemporaryFolder,
  createWorkFolder,
  isWorkedOn,
  type WorkFolder,
} from './cache/work-folder.js'
export type { LayerCache } from './contract/layer-cache.js'
export {
  AutoQuantizationConfig,
  AutoQuantizer,
  type MergedQuantization,
  type QuantizationConfigInput,
} from './dispatch/auto-quantizer.js'
export { findConversion } from './dispatch/find-conversion.js'
export { floatTensors } from './dispatch/float-tensors.js'
export { FormatQuantizer } from './dispatch/format-quantizer.js'
export {
  type DeferredWeight,
  HfQuantizer,
  type PostprocessContext,
  type PreprocessContext,
  type PreprocessResult,
  type SkippedModule,
  type WeightPlan,
} from './dispatch/hf-quantizer.js'
export { nodeEnvironment } from './dispatch/node-environment.js'
export { type ImportedPlugIn, importPlugIn, type PlugInRequest } from './dispatch/plug-in.js'
export { isBorrowed } from './dispatch/quantized-ties.js'
export {
  knownMethods,
  type LazyQuantizer,
  type MethodSource,
  registerLazyQuantizer,
} from './dispatch/registry.js'
export { settleQuantization } from './dispatch/settle-quantization.js'
export { closestName } from './errors/closest-name.js'
export { listNames } from './errors/list-names.js'
export { escapeUnprintable, printable, quote, quoteName } from './errors/quote.js'
export { isOutputFailure, outputError } from './files/output-error.js'
export { type StagedFile, stageFile } from './files/stage-file.js'
export { checkOutputFolder, recoverFolder, type StagedFolder, stageFolder } from './files/stage-folder.js'
export { isAbandoned, ownerOf, workTag } from './files/work-tag.js'
export { writeFully } from './files/write-fully.js'
export * from './index.js'
export { type JsonFile, readJsonFile } from './json/read-json-file.js'
export { renameTensors } from './load/adjust-checkpoint.js'
export { writeRange } from './load/byte-range.js'
export { type Checkpoint, type CheckpointTensor, storedWeight } from './load/checkpoint.js'
export { checkpointIdentity } from './load/checkpoint-identity.js'
export { componentRows, floatRows } from './load/component-rows.js'
export { dequantizeModel } from './load/dequantize-model.js'
export { configFolders, type FoundModel, findModel, quantizationFiles } from './load/find-model.js'
export { folderIdentity, readOneVersion, readUnreplaced } from './load/folder-version.js'
export { liesIn } from './load/lies-in.js'
export {
  completeModel,
  DEFAULT_MAX_IN_FLIGHT_BYTES,
  type LoadedModel,
  type LoadOptions,
  loadModel,
  type PlannedModel,
  planModel,
} from './load/load-model.js'
export { checkModelFile, copyModelFile, readModelFile } from './load/model-file.js'
export { openCheckpoint } from './load/open-checkpoint.js'
export { dequantizedChunks, parameterChunks, readParameter } from './load/read-parameter.js'
export { type FloatMatrix, type RowRoom, readRows, rowChunks } from './load/read-rows.js'
export { createScratchStore, openUnnamed, type Place, type TensorStore } from './load/store.js'
export { checkpointSource, parameterSource, type TensorSource } from './load/tensor-source.js'
export { INFO_CHANNEL, type InfoEvent, publishInfo } from './report/info.js'
export { describeTensor, type LoadingReport, type Mismatch } from './report/loading-report.js'
export { type ProcessMemory, processMemory } from './report/process-memory.js'
export type { OnProgress, ProgressEvent } from './report/progress.js'
export { publishWarning } from './report/warning.js'
export { carriedFiles } from './save/carried-files.js'
export { type SaveFolderOptions, saveFolder, type TokenizerElsewhere } from './save/save-folder.js'
export { type SaveModelOptions, saveModel } from './save/save-model.js'
export { type StateEntry, stateDict } from './save/state-dict.js'
export type { CheckpointMapping, CheckpointRule } from './shell/checkpoint-mapping.js'
export { type DeviceMap, resolveDeviceMap } from './shell/device-map.js'
export { isDtype } from './shell/dtype.js'
export { matchesModule, moduleMatcher } from './shell/match-module.js'
export {
  Conv1D,
  Embedding,
  findModule,
  joinPath,
  Linear,
  type LinearOptions,
  Module,
  replaceModule,
  walkModules,
  walkParameters,
} from './shell/module.js'
export { Parameter, type Storage } from './shell/parameter.js'
export { type ModelWeight, placeQuantized, QuantizedModule, weightOf } from './shell/quantized-module.js'
export { locateParameter, type ParameterPlace, type Shell, type Tie, tie } from './shell/shell.js'
export { storageRange } from './shell/storage-range.js'
export type { WeightSlot } from './shell/weight-slot.js'
