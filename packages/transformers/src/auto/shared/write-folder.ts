import { basename } from 'node:path'
import {
  type Checkpoint,
  cacheFolder,
  carriedFiles,
  checkOutputFolder,
  createScratchStore,
  type JsonObject,
  type LoadedModel,
  type PlannedModel,
  saveFolder,
  walkModules,
} from '@hfquant/core/runtime'
import type { ModelInspection } from '../inspect-model.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import { fillModel } from '../weights/fill-model.js'
import { parameterBytes } from '../weights/filled-weights.js'
import { planOpened } from '../weights/plan-opened.js'
import { saveFilled } from './save.js'

export interface WriteFolderOptions extends LoadModelOptions {
  /** Most bytes of one file; default 50 GB. */
  readonly maxShardBytes?: number | undefined
  /** Check and plan everything that headers allow, and write nothing. */
  readonly dryRun?: boolean | undefined
}

/** What was written, or would be. */
export interface WrittenModel {
  readonly method: string | undefined
  /** `architectures[0]` of config.json. */
  readonly architecture: string
  /** What the model computes. */
  readonly task: ModelInspection['task']
  /** The `quantization_config` block of config.json; undefined for a model that stays in float. */
  readonly config: JsonObject | undefined
  /** Files of the model that are taken along: tokenizer, generation settings. */
  readonly carried: readonly string[]
  /** Paths of all modules that own parameters, in the order of the model. */
  readonly modules: readonly string[]
  /** Paths of the modules that were quantized. */
  readonly quantized: readonly string[]
  readonly skipped: readonly { readonly module: string; readonly reason: string }[]
  /** Bytes of the tensors before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly warnings: readonly string[]
}

/**
 * Writes an opened model into another folder as its quantizer stores it, weight by weight, straight from file to file.
 *
 * @throws as the loader and `savePretrained`; `out` is complete, or as it was before.
 */
export async function writeFolder(
  opened: OpenedModel,
  out: string,
  { maxShardBytes, dryRun, ...options }: WriteFolderOptions,
): Promise<WrittenModel> {
  if (dryRun) await checkOutputFolder(out)
  const planned = await planOpened(opened, options)
  opened.quantizer?.checkSavable()
  const loaded = dryRun ? planned : await write(opened, planned, out, options, maxShardBytes)
  return {
    method: opened.quantizer?.quantMethod,
    architecture: opened.model.name,
    task: opened.model.kind === 'encoder' ? opened.model.task : 'causal-lm',
    config: opened.quantizer?.config.toDict(),
    carried: await carriedFiles(opened.folder),
    modules: [...walkModules(loaded.shell.root)].flatMap(([path, { parameters }]) =>
      parameters.size > 0 ? [path] : [],
    ),
    quantized: loaded.quantization?.quantized ?? [],
    skipped: loaded.quantization?.skipped ?? [],
    bytesBefore: bytesIn(opened.checkpoint),
    bytesAfter: parameterBytes(loaded, opened.quantizer?.savesFloats),
    warnings: loaded.warnings,
  }
}

/**
 * Makes weights straight into the files, or, where their layout depends on the result or they hold what blocks are restored to,
 * by way of the scratch store.
 */
async function write(
  opened: OpenedModel,
  planned: PlannedModel,
  out: string,
  options: LoadModelOptions,
  maxShardBytes: number | undefined,
): Promise<LoadedModel> {
  const { folder, folderIdentity: sourceIdentity, configFile, dtype, quantizer } = opened
  if (!quantizer?.sizesDependOnValues && !quantizer?.savesFloats) {
    const configName = basename(configFile.path)
    const source = { sourceFolder: folder, sourceIdentity, config: configFile.document, configName }
    return saveFolder(out, { ...source, dtype, quantizer, maxShardBytes }, (store) =>
      fillModel(opened, store, options, planned),
    )
  }
  const { workers, maxInFlightBytes, signal } = options
  const store = createScratchStore(cacheFolder())
  try {
    const loaded = await fillModel(opened, store, options, planned)
    const limits = { workers, maxInFlightBytes, maxShardBytes, signal }
    await saveFilled(out, loaded.shell, opened, { ...limits, sourceIdentity })
    return loaded
  } finally {
    store.release()
  }
}

const bytesIn = ({ tensors }: Checkpoint): number =>
  [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
