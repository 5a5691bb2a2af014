import {
  cacheFolder,
  createScratchStore,
  type LoadedModel,
  nodeEnvironment,
  planModel,
  saveFolder,
  saveModel,
  stateDict,
  tensorBytes,
} from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import { fill } from './from-pretrained.js'
import type { LoadModelOptions } from './load-options.js'
import { type OpenedModel, openModel } from './open-model.js'

export interface QuantizeModelOptions extends LoadModelOptions {
  /** Most bytes of one file; default 50 GB. */
  readonly maxShardBytes?: number | undefined
  /** Check and plan everything that headers allow, and write nothing. */
  readonly dryRun?: boolean | undefined
}

export interface QuantizeModelResult {
  readonly method: string | undefined
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
      ? await plan(opened, loadOptions)
      : await write(opened, out, loadOptions, maxShardBytes)
    const before = [...checkpoint.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    const after = stateDict(loaded.shell).reduce(
      (sum, tensor) => sum + tensorBytes(tensor.dtype, tensor.shape),
      0,
    )
    return {
      method: quantizer?.quantMethod,
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

/** Quantizes straight into the files, or, where their layout depends on the result, by way of the scratch store. */
async function write(
  opened: OpenedModel,
  out: string,
  options: LoadModelOptions,
  maxShardBytes: number | undefined,
): Promise<LoadedModel> {
  const { folder, configFile, dtype, quantizer } = opened
  const target = { sourceFolder: folder, config: configFile.document, dtype, quantizer, maxShardBytes }
  if (!quantizer?.sizesDependOnValues) return saveFolder(out, target, (store) => fill(opened, store, options))
  const { workers, maxInFlightBytes, signal } = options
  const store = createScratchStore(cacheFolder())
  try {
    const loaded = await fill(opened, store, options)
    await using pool = createKernelPool(workers === undefined ? {} : { workers })
    await saveModel(out, { ...target, shell: loaded.shell, pool, maxInFlightBytes, signal })
    return loaded
  } finally {
    store.release()
  }
}

/** What `loadModel` would do, decided from headers alone. */
export async function plan(
  { shell, checkpoint, quantizer }: OpenedModel,
  { deviceMap, signal }: LoadModelOptions,
): Promise<LoadedModel> {
  await using pool = createKernelPool()
  const store = { scope: 'new' as const, allocate: async () => new Map(), release: () => {} }
  return await planModel({
    shell,
    checkpoint,
    quantizer,
    environment: nodeEnvironment(),
    pool,
    store,
    deviceMap,
    signal,
  })
}
