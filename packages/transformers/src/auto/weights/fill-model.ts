import {
  completeModel,
  type LoadedModel,
  type LoadOptions,
  nodeEnvironment,
  type PlannedModel,
  planModel,
} from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import { createCalibration } from '../../calibrate/calibration.js'
import { findTokenizer } from '../open/folder-files.js'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'

/** What loading an opened model would do, decided from headers alone: in a new shell each time. */
export const planOpened = (
  { model, dtype, checkpoint, quantizer, merged }: OpenedModel,
  { deviceMap, signal }: LoadModelOptions,
): Promise<PlannedModel> =>
  planModel({
    ...{ shell: model.build(dtype), checkpoint, quantizer, deviceMap, signal },
    environment: nodeEnvironment(),
    foundIn: merged?.foundIn,
  })

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
