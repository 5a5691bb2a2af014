import {
  cacheFolder,
  completeModel,
  createScratchStore,
  type LoadedModel,
  type LoadOptions,
  nodeEnvironment,
  type PlannedModel,
  type TensorStore,
} from '@hfquant/core/runtime'
import { createKernelPool } from '@hfquant/kernels'
import { createCalibration } from '../../calibrate/calibration.js'
import { findTokenizer } from '../open/folder-files.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import { planOpened } from './plan-opened.js'

/** A model whose parameters have bytes, and the place of the ones that are in no file of the checkpoint. */
export interface FilledModel {
  readonly loaded: LoadedModel
  readonly store: Pick<TensorStore, 'release'>
}

/** Fills an opened model, with room in memory and in scratch files for the tensors that are made while it loads. */
export async function fillScratch(opened: OpenedModel, options: LoadModelOptions): Promise<FilledModel> {
  const planned = await planOpened(opened, options)
  options.signal?.throwIfAborted()
  const store = createScratchStore(cacheFolder())
  try {
    return { loaded: await fillModel(opened, store, options, planned), store }
  } catch (error) {
    store.release()
    throw error
  }
}

/** Runs the loader over an opened model, with a worker pool that ends with it. */
export async function fillModel(
  opened: OpenedModel,
  store: LoadOptions['store'],
  options: LoadModelOptions,
  given?: PlannedModel,
): Promise<LoadedModel> {
  const planned = given ?? (await planOpened(opened, options))
  await using pool = createKernelPool(options.workers === undefined ? {} : { workers: options.workers })
  const { checkpoint, quantizer } = opened
  const { shell } = planned
  const { deviceMap, maxInFlightBytes, signal, onProgress, threads } = options
  const calibrate: LoadOptions['calibrate'] = (deferred) =>
    createCalibration({ ...opened, shell }, deferred, {
      threads,
      tokenizer: () => findTokenizer(opened.folder),
      endToken: endToken(opened),
    })
  const environment = nodeEnvironment()
  return await completeModel(planned, {
    ...{ checkpoint, shell, quantizer, environment, pool, store },
    ...{ deviceMap, maxInFlightBytes, signal, onProgress, calibrate },
    foundIn: opened.merged?.foundIn,
  })
}

/** `eos_token_id` of config.json; the first of several. */
function endToken({ configFile }: OpenedModel): number | undefined {
  const { eos_token_id: id } = configFile.value
  const first = Array.isArray(id) ? id[0] : id
  return typeof first === 'number' ? first : undefined
}
