import { basename } from 'node:path'
import { type Shell, saveModel, type TokenizerElsewhere } from '@hfquant/core/runtime'
import { createKernelPool } from '@hfquant/kernels'
import type { LoadModelOptions, SaveOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'

/** How a filled model is written. */
export interface SaveFilledOptions
  extends SaveOptions,
    Pick<LoadModelOptions, 'workers' | 'maxInFlightBytes'> {
  /** Of the folder that the model came from, whose other files are taken along. */
  readonly sourceIdentity: string | undefined
  readonly tokenizersElsewhere?: readonly TokenizerElsewhere[] | undefined
}

/**
 * Writes a model whose parameters have bytes as a folder, with a worker pool that ends with it.
 *
 * @throws OutputError; CapabilityError when the method cannot be saved; the reason of `signal`.
 */
export async function saveFilled(
  out: string,
  shell: Shell,
  { folder, configFile, dtype, quantizer }: OpenedModel,
  { workers, ...options }: SaveFilledOptions,
): Promise<void> {
  await using pool = createKernelPool(workers === undefined ? {} : { workers })
  const configName = basename(configFile.path)
  const source = { sourceFolder: folder, config: configFile.document, configName, dtype, quantizer }
  await saveModel(out, { ...source, ...options, shell, pool })
}
