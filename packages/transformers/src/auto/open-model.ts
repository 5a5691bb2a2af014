import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  AutoQuantizer,
  CapabilityError,
  type Checkpoint,
  ConfigError,
  type FloatDtype,
  type HfQuantizer,
  isFloatDtype,
  type JsonFile,
  type JsonObject,
  type MergedQuantization,
  openCheckpoint,
  parseFloatDtype,
  readJsonFile,
  recoverFolder,
  type Shell,
} from '@hfquant/core'
import { type Architecture, type DecoderConfig, findArchitecture } from '../models/architecture.js'
import { checkLoadOptions, type LoadModelOptions } from './load-options.js'

/** A model folder whose configuration and headers have been read, and nothing else. */
export interface OpenedModel {
  readonly folder: string
  readonly configFile: JsonFile
  readonly architecture: Architecture
  readonly config: DecoderConfig
  readonly checkpoint: Checkpoint
  readonly shell: Shell
  readonly dtype: FloatDtype
  readonly merged: MergedQuantization | undefined
  readonly quantizer: HfQuantizer | undefined
}

/** @throws ConfigError, CheckpointError or EnvironmentError, before any weight is read. */
export async function openModel(folder: string, options: LoadModelOptions): Promise<OpenedModel> {
  checkLoadOptions(options)
  if (typeof folder !== 'string') {
    throw new ConfigError('MODEL_TYPE', `the model is ${typeof folder}, expected the path of a folder`, {
      field: 'model',
    })
  }
  options.signal?.throwIfAborted()
  await recoverFolder(folder)
  const path = join(folder, 'config.json')
  const configFile = await readJsonFile(
    path,
    'Name a model folder, or a model of the hub as "organisation/name".',
  )
  const architecture = findArchitecture(configFile.value, path)
  const config = await inFile(path, async () => architecture.parseConfig(configFile.value))
  const saved =
    (configFile.value.quantization_config as JsonObject | null | undefined) ?? (await readSidecar(folder))
  const promised = await inFile(path, () => mergeQuantization(saved, options))
  const checkpoint = await openCheckpoint(folder, promised && AutoQuantizer.create(promised).weightFiles())
  try {
    const merged = await settleQuantization(promised, checkpoint, options)
    const quantizer = merged === undefined ? undefined : AutoQuantizer.create(merged)
    const named = options.dtype != null && options.dtype !== 'auto'
    const resolved = resolveDtype(options.dtype, configFile.value, checkpoint)
    const dtype = quantizer?.updateDtype(resolved, named) ?? resolved
    const shell = architecture.build(config, dtype)
    return { folder, configFile, architecture, config, checkpoint, shell, dtype, merged, quantizer }
  } catch (error) {
    await checkpoint.close()
    throw error
  }
}

/** Older tools kept the quantization config in a file of its own. */
async function readSidecar(folder: string): Promise<JsonObject | undefined> {
  for (const name of ['quantize_config.json', 'quant_config.json']) {
    const path = join(folder, name)
    if (existsSync(path)) return (await readJsonFile(path)).value
  }
  return undefined
}

async function mergeQuantization(
  saved: JsonObject | null | undefined,
  { quantizationConfig, allowUnknownQuantMethod = false }: LoadModelOptions,
): Promise<MergedQuantization | undefined> {
  try {
    return await AutoQuantizer.merge(saved, quantizationConfig)
  } catch (error) {
    const isUnknown = ConfigError.isInstance(error) && error.code === 'QUANT_METHOD_UNKNOWN'
    if (isUnknown && allowUnknownQuantMethod && quantizationConfig == null) return undefined
    throw error
  }
}

/**
 * The last word is the tensors': a quantized checkpoint whose config.json says nothing is loaded as what it is, and
 * where config.json promises quantized tensors and there is none, the caller's wish to quantize counts.
 */
async function settleQuantization(
  promised: MergedQuantization | undefined,
  checkpoint: Checkpoint,
  { quantizationConfig }: LoadModelOptions,
): Promise<MergedQuantization | undefined> {
  if (!promised?.preQuantized) {
    const detected = await AutoQuantizer.detect(checkpoint)
    if (detected === undefined) return promised
    const warning = `quantized tensors of "${detected.quant_method}" found, which config.json does not mention`
    process.emitWarning(warning, 'HfquantWarning')
    return AutoQuantizer.merge(detected, quantizationConfig)
  }
  const isFloat = [...checkpoint.tensors.values()].every(({ dtype }) => isFloatDtype(dtype))
  if (quantizationConfig == null || !isFloat) return promised
  return AutoQuantizer.merge(undefined, quantizationConfig)
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

/** The argument, else what config.json says, else the first float tensor of the checkpoint. */
function resolveDtype(
  argument: string | null | undefined,
  json: JsonObject,
  checkpoint: Checkpoint,
): FloatDtype {
  if (argument != null && argument !== 'auto') return parseFloatDtype(argument)
  const named = json.dtype ?? json.torch_dtype
  if (named !== undefined && named !== null && named !== 'auto')
    return parseFloatDtype(named, `${checkpoint.folder}/config.json: dtype`)
  const first = [...checkpoint.tensors.values()].find(({ dtype }) => isFloatDtype(dtype))
  return (first?.dtype as FloatDtype | undefined) ?? 'float32'
}
