import {
  cacheFolder,
  carriedFiles,
  checkOutputFolder,
  createScratchStore,
  type JsonObject,
  type LoadedModel,
  type PlannedModel,
  saveFolder,
  saveModel,
  stateDict,
  tensorBytes,
} from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import type { LoadModelOptions } from './open/load-options.js'
import { type OpenedModel, openModel } from './open/open-model.js'
import { fillModel, planOpened } from './weights/fill-model.js'

export interface QuantizeModelOptions extends LoadModelOptions {
  /** Most bytes of one file; default 50 GB. */
  readonly maxShardBytes?: number | undefined
  /** Check and plan everything that headers allow, and write nothing. */
  readonly dryRun?: boolean | undefined
}

export interface QuantizeModelResult {
  readonly method: string | undefined
  /** The `quantization_config` block of config.json; undefined for a model that stays in float. */
  readonly config: JsonObject | undefined
  /** Files of the model that are taken along: tokenizer, generation settings. */
  readonly carried: readonly string[]
  /** Paths of the modules that were quantized. */
  readonly quantized: readonly string[]
  readonly skipped: readonly { readonly module: string; readonly reason: string }[]
  /** Bytes of the tensors before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly warnings: readonly string[]
}

/**
 * Quantizes a model folder into another one, weight by weight, straight from file to file. Memory is bounded by the
 * byte budget and the largest tensor that a method completes in memory, not by the model.
 *
 * @throws as `fromPretrained` and `savePretrained`; `out` is complete, or as it was before.
 */
export async function quantizeModel(
  folder: string,
  out: string,
  options: QuantizeModelOptions = {},
): Promise<QuantizeModelResult> {
  const { maxShardBytes, dryRun, ...loadOptions } = options
  const opened = await openModel(folder, loadOptions)
  const { checkpoint, quantizer } = opened
  try {
    const loaded = dryRun
      ? await plan(opened, out, loadOptions)
      : await write(opened, out, loadOptions, maxShardBytes)
    const before = [...checkpoint.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    const after = stateDict(loaded.shell).reduce(
      (sum, tensor) => sum + tensorBytes(tensor.dtype, tensor.shape),
      0,
    )
    return {
      method: quantizer?.quantMethod,
      config: quantizer?.config.toDict(),
      carried: await carriedFiles(opened.folder),
      quantized: loaded.quantization?.quantized ?? [],
      skipped: loaded.quantization?.skipped ?? [],
      bytesBefore: before,
      bytesAfter: after,
      warnings: loaded.warnings,
    }
  } finally {
    await checkpoint.close()
  }
}

/** Everything up to the first byte that is read or written. */
async function plan(opened: OpenedModel, out: string, options: LoadModelOptions): Promise<LoadedModel> {
  await checkOutputFolder(out)
  return planSavable(opened, options)
}

async function planSavable(opened: OpenedModel, options: LoadModelOptions): Promise<PlannedModel> {
  const planned = await planOpened(opened, options)
  opened.quantizer?.checkSavable()
  return planned
}

/** Quantizes straight into the files, or, where their layout depends on the result, by way of the scratch store. */
async function write(
  opened: OpenedModel,
  out: string,
  options: LoadModelOptions,
  maxShardBytes: number | undefined,
): Promise<LoadedModel> {
  const { folder, folderIdentity: sourceIdentity, configFile, dtype, quantizer } = opened
  const source = { sourceFolder: folder, sourceIdentity, config: configFile.document }
  const target = { ...source, dtype, quantizer, maxShardBytes }
  const planned = await planSavable(opened, options)
  if (!quantizer?.sizesDependOnValues)
    return saveFolder(out, target, (store) => fillModel(opened, store, options, planned))
  const { workers, maxInFlightBytes, signal } = options
  const store = createScratchStore(cacheFolder())
  try {
    const loaded = await fillModel(opened, store, options, planned)
    await using pool = createKernelPool(workers === undefined ? {} : { workers })
    await saveModel(out, { ...target, shell: loaded.shell, pool, maxInFlightBytes, signal })
    return loaded
  } finally {
    store.release()
  }
}
