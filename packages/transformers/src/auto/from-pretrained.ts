import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  cacheFolder,
  createScratchStore,
  type LoadedModel,
  type LoadOptions,
  loadModel,
  nodeEnvironment,
} from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import { createCalibration } from '../calibrate/calibration.js'
import { AutoTokenizer } from '../tokenizer/index.js'
import { CausalLM } from './causal-lm.js'
import type { LoadModelOptions } from './load-options.js'
import { type OpenedModel, openModel } from './open-model.js'

/** Loads decoder-only language models. */
export const AutoModelForCausalLM = {
  /**
   * Loads a model folder. A folder that says it is quantized is loaded as what it is; a float one is quantized while
   * it streams in if `quantizationConfig` is given.
   *
   * @throws ConfigError, CheckpointError, EnvironmentError, DeviceMapError, CapabilityError before weights are read;
   * CheckpointError TENSOR_NOT_FINITE, OutputError or the reason of `signal` while they stream.
   */
  async fromPretrained(folder: string, options: LoadModelOptions = {}): Promise<CausalLM> {
    const opened = await openModel(folder, options)
    const store = createScratchStore(cacheFolder())
    try {
      const loaded = await fill(opened, store, options)
      return new CausalLM(opened, loaded, store, options)
    } catch (error) {
      store.release()
      await opened.checkpoint.close()
      throw error
    }
  },
}

/** Runs the loader over an opened model, with a worker pool that ends with it. */
export async function fill(
  opened: OpenedModel,
  store: Parameters<typeof loadModel>[0]['store'],
  options: LoadModelOptions,
): Promise<LoadedModel> {
  await using pool = createKernelPool(options.workers === undefined ? {} : { workers: options.workers })
  const { shell, checkpoint, quantizer } = opened
  const { deviceMap, maxInFlightBytes, signal, onProgress, threads } = options
  const calibrate: LoadOptions['calibrate'] = (deferred) =>
    createCalibration(opened, deferred, {
      threads,
      tokenizer: () => findTokenizer(opened.folder),
      endToken: endToken(opened),
    })
  const environment = nodeEnvironment()
  return await loadModel({
    ...{ checkpoint, shell, quantizer, environment, pool, store },
    ...{ deviceMap, maxInFlightBytes, signal, onProgress, calibrate },
  })
}

async function findTokenizer(folder: string) {
  return existsSync(join(folder, 'tokenizer.json')) ? AutoTokenizer.fromPretrained(folder) : undefined
}

/** `eos_token_id` of config.json; the first of several. */
function endToken({ configFile }: OpenedModel): number | undefined {
  const { eos_token_id: id } = configFile.value
  const first = Array.isArray(id) ? id[0] : id
  return typeof first === 'number' ? first : undefined
}
