import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  AutoQuantizer,
  type Checkpoint,
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
  options.signal?.throwIfAborted()
  await recoverFolder(folder)
  const path = join(folder, 'config.json')
  const configFile = await readJsonFile(
    path,
    'Name a model folder, or a model of the hub as "organisation/name".',
  )
  const architecture = findArchitecture(configFile.value, path)
  const config = architecture.parseConfig(configFile.value)
  const saved =
    (configFile.value.quantization_config as JsonObject | null | undefined) ?? (await readSidecar(folder))
  const merged = await AutoQuantizer.merge(saved, options.quantizationConfig)
  const quantizer = merged === undefined ? undefined : AutoQuantizer.create(merged)
  const checkpoint = await openCheckpoint(folder, quantizer?.weightFiles())
  try {
    const named = options.dtype !== undefined && options.dtype !== 'auto'
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

/** The argument, else what config.json says, else the first float tensor of the checkpoint. */
function resolveDtype(argument: string | undefined, json: JsonObject, checkpoint: Checkpoint): FloatDtype {
  if (argument !== undefined && argument !== 'auto') return parseFloatDtype(argument)
  const named = json.dtype ?? json.torch_dtype
  if (named !== undefined && named !== null && named !== 'auto')
    return parseFloatDtype(named, 'config.json: dtype')
  const first = [...checkpoint.tensors.values()].find(({ dtype }) => isFloatDtype(dtype))
  return (first?.dtype as FloatDtype | undefined) ?? 'float32'
}
