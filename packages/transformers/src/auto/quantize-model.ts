import { ConfigError, checkOptions } from '@hfquant/core/runtime'
import type { WantedModel } from './open/demand-kind.js'
import { asksToQuantize, checkSaveOptions, LOAD_OPTIONS } from './open/load-options.js'
import { type OpenedModel, openModel } from './open/open-model.js'
import { type WriteFolderOptions, type WrittenModel, writeFolder } from './shared/write-folder.js'

export type QuantizeModelOptions = WriteFolderOptions
export type QuantizeModelResult = WrittenModel

/**
 * Quantizes a model folder into another one, weight by weight, straight from file to file. Memory is bounded by the
 * byte budget and the largest tensor that a method completes in memory, not by the model.
 *
 * @param wanted how the folder is read; default: as config.json says.
 * @throws as `fromPretrained` and `savePretrained`, and ConfigError MODEL_QUANTIZED or QUANT_METHOD_CONFLICT for a model
 * that is quantized already, in whichever way; `out` is complete, or as it was before.
 */
export async function quantizeModel(
  folder: string,
  out: string,
  options: QuantizeModelOptions = {},
  wanted: WantedModel = {},
): Promise<QuantizeModelResult> {
  checkOptions(options, [...LOAD_OPTIONS, 'maxShardBytes', 'dryRun'])
  const { maxShardBytes, dryRun: _, ...loadOptions } = options
  checkSaveOptions(out, { maxShardBytes })
  const opened = await openModel(folder, loadOptions, wanted)
  try {
    if (asksToQuantize(loadOptions)) refuseQuantized(opened)
    return await writeFolder(opened, out, options)
  } finally {
    await opened.checkpoint.close()
  }
}

/** A copy of a quantized model would look like the result of another quantization. */
function refuseQuantized({ merged, folder }: OpenedModel): void {
  if (!merged?.preQuantized) return
  throw new ConfigError('MODEL_QUANTIZED', `${folder} is quantized already, with "${merged.method}"`, {
    file: folder,
    hint: 'Quantize the float model that it was made from.',
  })
}
