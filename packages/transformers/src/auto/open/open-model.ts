import { join } from 'node:path'
import {
  AutoQuantizer,
  CapabilityError,
  type Checkpoint,
  ConfigError,
  configFolders,
  type FloatDtype,
  findModel,
  folderIdentity,
  type HfQuantizer,
  isFloatDtype,
  type JsonFile,
  type JsonObject,
  type MergedQuantization,
  openCheckpoint,
  parseFloatDtype,
  publishWarning,
  readOneVersion,
  recoverFolder,
  settleQuantization,
} from '@hfquant/core'
import { describeModel, type ModelDescription, ropeRemark } from '@hfquant/models'
import type { CacheDtype } from '@hfquant/onnx'
import { importArchitecture } from '../../lower/import-architecture.js'
import { checkPositions } from './check-positions.js'
import { confirmRecipe } from './confirm-recipe.js'
import { includeHead } from './include-head.js'
import { checkLoadOptions, type LoadModelOptions } from './load-options.js'
import { int8Config } from './quantize-argument.js'
import { refuseCompiled } from './refuse-compiled.js'

/** A model folder whose configuration and headers have been read, and nothing else. */
export interface OpenedModel {
  readonly folder: string
  /** Of `folder` when the model was opened: files beside the weights are read later, of the same folder. */
  readonly folderIdentity: string | undefined
  readonly configFile: JsonFile
  readonly model: ModelDescription
  readonly checkpoint: Checkpoint
  readonly dtype: FloatDtype
  readonly cacheDtype: CacheDtype
  readonly merged: MergedQuantization | undefined
  readonly quantizer: HfQuantizer | undefined
}

/**
 * Opens one version of a folder: one that is replaced meanwhile is read again.
 *
 * @throws ConfigError, CheckpointError or EnvironmentError, before any weight is read.
 */
export async function openModel(folder: string, given: LoadModelOptions): Promise<OpenedModel> {
  await refuseCompiled(folder)
  checkLoadOptions(given)
  if (typeof folder !== 'string') {
    throw new ConfigError('MODEL_TYPE', `the model is ${typeof folder}, expected the path of a folder`, {
      field: 'model',
    })
  }
  given.signal?.throwIfAborted()
  const options = given.quantize == null ? given : { ...given, quantizationConfig: await int8Config() }
  await recoverFolder(folder)
  const configs = configFolders(folder).map((parent) => join(parent, 'config.json'))
  return readOneVersion(
    folder,
    configs,
    () => openVersion(folder, options),
    ({ checkpoint }) => checkpoint.close(),
  )
}

async function openVersion(folder: string, options: LoadModelOptions): Promise<OpenedModel> {
  const found = await findModel(folder)
  const { configFile } = found
  const { path } = configFile
  const model = await inFile(path, () => describeModel(configFile.value, importArchitecture(folder)))
  const remark = ropeRemark(configFile.value)
  const warnings = remark === undefined ? found.warnings : [...found.warnings, `${path}: ${remark}`]
  for (const warning of warnings) publishWarning(warning)
  const block = found.quantization
  const promised = await inFile(block?.path ?? path, () => mergeQuantization(block?.json, options, folder))
  const preferred = promised && AutoQuantizer.create(promised).weightFiles()
  const { transformers_weights: weights } = configFile.value
  const checkpoint = await openCheckpoint(found.weightsFolder, { named: weights, preferred })
  try {
    await inFile(path, async () => checkPositions(model.facts, checkpoint.bytesOnDisk))
    const settled = await settleQuantization(promised, checkpoint, options.quantizationConfig)
    if (settled?.preQuantized && options.quantizationConfig != null) confirmRecipe(settled, folder)
    const merged =
      settled !== undefined && options.quantizeLmHead
        ? includeHead(settled, model.build('float32'), folder)
        : settled
    const quantizer = merged === undefined ? undefined : AutoQuantizer.create(merged)
    const named = options.dtype != null && options.dtype !== 'auto'
    const resolved = resolveDtype(options.dtype, configFile.value, checkpoint)
    const dtype = quantizer?.updateDtype(resolved, named) ?? resolved
    return {
      ...{ folder: found.folder, configFile, model, checkpoint, dtype, merged, quantizer },
      folderIdentity: await folderIdentity(found.folder),
      cacheDtype: options.kvCacheDtype ?? 'float32',
    }
  } catch (error) {
    await checkpoint.close()
    throw error
  }
}

async function mergeQuantization(
  saved: JsonObject | null | undefined,
  { quantizationConfig, allowUnknownQuantMethod = false }: LoadModelOptions,
  modelFolder: string,
): Promise<MergedQuantization | undefined> {
  try {
    return await AutoQuantizer.merge(saved, quantizationConfig, { modelFolder })
  } catch (error) {
    const isUnknown = ConfigError.isInstance(error) && error.code === 'QUANT_METHOD_UNKNOWN'
    if (isUnknown && allowUnknownQuantMethod && quantizationConfig == null) return undefined
    throw error
  }
}

/** Errors about the content of a file name the file. */
async function inFile<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read()
  } catch (error) {
    const about = ConfigError.isInstance(error) || CapabilityError.isInstance(error)
    if (!about || error.file !== undefined) throw error
    const { code, message, hint, field, module, found, expected } = error
    const details = { file: path, hint, field, module, found, expected, cause: error }
    const family = ConfigError.isInstance(error) ? ConfigError : CapabilityError
    throw new family(code, `${path}: ${message}`, details)
  }
}

/**
 * The argument, else what config.json says, else the index of the shards, else the first float tensor. Models compute in
 * at most 32 bits: float64, which merge scripts leave in files, becomes float32.
 */
function resolveDtype(
  argument: string | null | undefined,
  json: JsonObject,
  checkpoint: Checkpoint,
): FloatDtype {
  if (argument != null && argument !== 'auto') return parseFloatDtype(argument)
  const named = json.dtype ?? json.torch_dtype
  if (named !== undefined && named !== null && named !== 'auto')
    return parseStoredDtype(named, `${checkpoint.folder}/config.json: dtype`)
  if (checkpoint.indexDtype !== undefined && checkpoint.indexDtype !== null)
    return parseStoredDtype(checkpoint.indexDtype, `${checkpoint.path}: metadata.dtype`)
  const first = [...checkpoint.tensors.values()].find(({ dtype }) => isFloatDtype(dtype))
  return (first?.dtype as FloatDtype | undefined) ?? 'float32'
}

const parseStoredDtype = (named: unknown, field: string): FloatDtype =>
  typeof named === 'string' && /^(torch\.)?(float64|double)$/.test(named)
    ? 'float32'
    : parseFloatDtype(named, field)
