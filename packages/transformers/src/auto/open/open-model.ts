import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  AutoQuantizer,
  CapabilityError,
  type Checkpoint,
  CheckpointError,
  ConfigError,
  configFolders,
  type FloatDtype,
  type FoundModel,
  findModel,
  folderIdentity,
  type HfQuantizer,
  type JsonFile,
  type JsonObject,
  type MergedQuantization,
  openCheckpoint,
  publishInfo,
  publishWarning,
  readOneVersion,
  recoverFolder,
  renameTensors,
  settleQuantization,
} from '@hfquant/core/runtime'
import { describeModel, type ModelDescription, ropeRemark } from '@hfquant/models'
import type { CacheDtype } from '@hfquant/onnx'
import { MODULES_FILE } from '../encoder/sentence/sentence-settings.js'
import { ggufQuantization, holdsBlocks } from '../gguf/gguf-method.js'
import { openGgufWeights } from '../gguf/open-gguf-weights.js'
import { ggufOf } from '../gguf/unfold-gguf.js'
import { checkPositions } from './check-positions.js'
import { demandKind, otherKind, type WantedModel } from './demand-kind.js'
import { importArchitecture } from './import-architecture.js'
import { includeHead } from './include-head.js'
import type { LoadModelOptions } from './load-options.js'
import { enterFolder, type ModelSource } from './model-source.js'
import { int8Config } from './quantize-argument.js'
import { isNamed, resolveDtype } from './resolve-dtype.js'
import { textModelAlone } from './text-model.js'
import { withQuantization } from './with-quantization.js'

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
 * Checks the arguments, and opens one version of the folder: one that is replaced meanwhile is read again.
 *
 * @param wanted what the caller can compute with; default: whatever the folder holds.
 * @throws ConfigError, CheckpointError or EnvironmentError, before any weight is read.
 */
export async function openModel(
  source: ModelSource,
  given: LoadModelOptions,
  wanted: WantedModel = {},
): Promise<OpenedModel> {
  const folder = await enterFolder(source, given)
  const options = given.quantize == null ? given : { ...given, quantizationConfig: await int8Config() }
  await recoverFolder(folder)
  const { configName = 'config.json' } = wanted
  const configs = configFolders(folder).map((parent) => join(parent, configName))
  return readOneVersion(
    folder,
    configs,
    () => openVersion(folder, options, wanted),
    ({ checkpoint }) => checkpoint.close(),
  )
}

async function openVersion(
  folder: string,
  options: LoadModelOptions,
  wanted: WantedModel,
): Promise<OpenedModel> {
  const whole = await findWanted(folder, wanted)
  const described = await describeFound(whole, folder, wanted)
  const found = described.isPart ? textModelAlone(whole, described) : whole
  const { configFile } = found
  const promised = await promisedQuantization(found, options, folder)
  const files = await openFiles(folder, found.weightsFolder, {
    ...{ described, promised, named: whole.configFile.value.transformers_weights },
    preferred: wanted.weightFiles ?? [],
  })
  try {
    await inFile(configFile.path, async () => checkPositions(described.facts, files.bytesOnDisk))
    const checkpoint = renameTensors(files, described.tensorName)
    const model = described.kind === 'encoder' ? described.fit(new Set(checkpoint.tensors.keys())) : described
    const settled = holdsBlocks(checkpoint)
      ? ggufQuantization()
      : await settleQuantization(promised, checkpoint, options.quantizationConfig)
    const merged =
      settled && options.quantizeLmHead ? includeHead(settled, model.build('float32'), folder) : settled
    const opened = {
      ...{ folder: found.folder, configFile, model, checkpoint },
      folderIdentity: await folderIdentity(found.folder),
      dtype: resolveDtype(options.dtype, configFile.value, checkpoint, settled?.preQuantized ?? false),
      cacheDtype: options.kvCacheDtype ?? 'float32',
    }
    return withQuantization(opened, merged, isNamed(options.dtype))
  } catch (error) {
    await files.close()
    throw error
  }
}

interface FilesRequest {
  readonly described: ModelDescription
  readonly promised: MergedQuantization | undefined
  readonly named: unknown
  readonly preferred: readonly string[]
}

/** The weights of a folder, or of the GGUF file that it stands for. */
function openFiles(
  folder: string,
  weightsFolder: string,
  { described, promised, named, preferred }: FilesRequest,
): Promise<Checkpoint> {
  const gguf = ggufOf(folder)
  // A method that was asked for quantizes floats; without one, blocks are computed with as they are.
  if (gguf !== undefined) {
    return openGgufWeights(gguf, described, promised === undefined ? 'blocks' : 'floats')
  }
  const ofMethod = (promised && AutoQuantizer.create(promised).weightFiles()) ?? []
  return openCheckpoint(weightsFolder, { named, preferred: [...preferred, ...ofMethod] })
}

/** @throws ConfigError MODEL_CLASS for a folder that is described by another file than the one that is wanted. */
async function findWanted(folder: string, { configName = 'config.json' }: WantedModel): Promise<FoundModel> {
  try {
    return await findModel(folder, configName)
  } catch (error) {
    const isMissing = CheckpointError.isInstance(error) && error.code === 'FILE_NOT_FOUND'
    throw (isMissing && otherKind(folder, configName)) || error
  }
}

/** The architecture that config.json describes; what is worth knowing about the files is said to the process. */
async function describeFound(
  { configFile: { path, value }, warnings }: FoundModel,
  folder: string,
  wanted: WantedModel,
): Promise<ModelDescription> {
  const { task } = wanted
  const decoder = makesVectors(value, folder, wanted) ? 'vectors' : 'generation'
  const describe =
    wanted.describe ?? (() => describeModel(value, importArchitecture(folder), { task, decoder }))
  const model = await inFile(path, async () => demandKind(await describe(value, folder), wanted))
  const remark = ropeRemark(value)
  for (const warning of warnings) publishWarning(warning)
  if (remark !== undefined) publishWarning(`${nameOf(path)}: ${remark}`)
  if (value.auto_map != null) publishInfo(`${path}: the code that auto_map names is never run`)
  return model
}

/**
 * Whether a decoder is there to make vectors of texts: a folder of sentence-transformers, unless somebody wants a decoder; and
 * one whose config.json names the class without a head, where hidden states are wanted.
 */
function makesVectors({ architectures }: JsonObject, folder: string, { kind, task }: WantedModel): boolean {
  if (kind === 'decoder') return false
  if (existsSync(join(folder, MODULES_FILE))) return true
  return task === 'hidden-states' && [architectures].flat().some((name) => /Model$/.test(String(name)))
}

/** What the files say about quantization, with what the caller asks for; the tensors may contradict it. */
function promisedQuantization(
  { configFile, quantization }: FoundModel,
  { quantizationConfig, allowUnknownQuantMethod = false }: LoadModelOptions,
  modelFolder: string,
): Promise<MergedQuantization | undefined> {
  return inFile(quantization?.path ?? configFile.path, async () => {
    try {
      return await AutoQuantizer.merge(quantization?.json, quantizationConfig, { modelFolder })
    } catch (error) {
      const isUnknown = ConfigError.isInstance(error) && error.code === 'QUANT_METHOD_UNKNOWN'
      if (isUnknown && allowUnknownQuantMethod && quantizationConfig == null) return undefined
      throw error
    }
  })
}

/** Errors about the content of a file name the file. */
async function inFile<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read()
  } catch (error) {
    const isAbout = ConfigError.isInstance(error) || CapabilityError.isInstance(error)
    throw isAbout ? error.inFile(nameOf(path)) : error
  }
}

/** A config.json that was made of a GGUF file is known by that file. */
const nameOf = (path: string): string => ggufOf(dirname(path)) ?? path
