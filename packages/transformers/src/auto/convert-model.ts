import { ConfigError, checkOptions, findConversion, quote } from '@hfquant/core/runtime'
import type { WantedModel } from './open/demand-kind.js'
import { checkSaveOptions } from './open/load-options.js'
import { openModel } from './open/open-model.js'
import { type WriteFolderOptions, type WrittenModel, writeFolder } from './shared/write-folder.js'
import { planOpened } from './weights/plan-opened.js'

export interface ConvertModelOptions
  extends Pick<
    WriteFolderOptions,
    'maxShardBytes' | 'dryRun' | 'workers' | 'maxInFlightBytes' | 'onProgress' | 'signal'
  > {
  /** `quant_method` of the result: 'awq', 'compressed-tensors', 'gptq'. */
  readonly to: string
}

export interface ConvertModelResult extends WrittenModel {
  /** `quant_method` of the model that was converted. */
  readonly from: string
}

/**
 * Writes a model that is quantized with one method as another one stores it, weight by weight, straight from file to file.
 * Codes, zero points and scales keep their values, scales their dtype, so that both models compute the same. In memory are one
 * weight in both forms, a byte for each of its codes, and what the byte budget has of tensors that are copied.
 *
 * @param wanted how the folder is read; default: as config.json says.
 * @throws as `fromPretrained` and `savePretrained`; ConfigError MODEL_FLOAT for a model that is not quantized;
 * CapabilityError CONVERSION_TARGET for a method that stores no weights of others, and CONVERSION_INEXACT, naming the module,
 * for what the method cannot store unchanged; `out` is complete, or as it was before.
 */
export async function convertModel(
  folder: string,
  out: string,
  options: ConvertModelOptions,
  wanted: WantedModel = {},
): Promise<ConvertModelResult> {
  checkOptions(options, OPTIONS)
  const { to, ...writeOptions } = options
  const { maxShardBytes, dryRun: _, ...loadOptions } = writeOptions
  checkSaveOptions(out, { maxShardBytes })
  const convert = await findConversion(methodName(to), { modelFolder: folder })
  const opened = await openModel(folder, loadOptions, wanted)
  try {
    const { quantizer: source } = opened
    if (!source?.preQuantized) throw float(folder)
    const { shell, quantization } = await planOpened(opened, loadOptions)
    if (quantization?.quantized.length === 0) throw float(folder)
    const quantizer = convert({ quantizer: source, shell })
    const written = await writeFolder({ ...opened, quantizer }, out, writeOptions)
    return { ...written, from: source.quantMethod }
  } finally {
    await opened.checkpoint.close()
  }
}

const OPTIONS = [
  ...(['to', 'maxShardBytes', 'dryRun', 'workers', 'maxInFlightBytes', 'onProgress', 'signal'] as const),
] satisfies readonly (keyof ConvertModelOptions)[]

function methodName(to: unknown): string {
  if (typeof to === 'string') return to
  throw new ConfigError('OPTION_VALUE', `to is ${quote(to)}, expected the name of a method`, {
    ...{ field: 'to', found: to, hint: 'Pass the quant_method that the model is to have, such as "gptq".' },
  })
}

const float = (folder: string): ConfigError =>
  new ConfigError('MODEL_FLOAT', `${folder} is not quantized: there are no codes to be converted`, {
    file: folder,
    hint: 'Quantize it: quantizeModel in code, hfquant quantize on the command line.',
  })
