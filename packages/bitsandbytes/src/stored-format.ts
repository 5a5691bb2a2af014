import { type FormatContext, incompleteFormat, type QuantizedFormat, type WeightInfo } from '@hfquant/core'
import { STATE_PREFIX, stateKey } from './four-bit/layout.js'
import { storedFourBitFormat } from './four-bit/stored-format.js'
import { ABS_MAX as INT8_ABS_MAX } from './int8/int8-format.js'
import { storedInt8Format } from './int8/stored-int8.js'
import type { BitsAndBytesSettings } from './settings.js'

/**
 * The format of a weight in a quantized checkpoint. The tensors decide which, not config.json: its skip list is often
 * null although layers were skipped.
 *
 * @throws CheckpointError for parts that contradict each other.
 */
export async function storedFormat(
  weight: WeightInfo,
  settings: BitsAndBytesSettings,
  { stored }: FormatContext,
): Promise<QuantizedFormat> {
  const keys = [...stored!.tensors.keys()]
  if (keys.some((key) => key.startsWith(STATE_PREFIX))) return storedFourBitFormat(weight, stored!)
  const isInt8 = keys.includes(INT8_ABS_MAX) || stored!.tensors.get('weight')?.dtype === 'int8'
  const hasFourBitParts = keys.some((key) => key.startsWith('weight.'))
  if (isInt8 && !hasFourBitParts) return storedInt8Format(weight, stored!, settings.llmInt8Threshold)
  return incompleteFormat(
    hasFourBitParts || settings.loadIn4bit ? stateKey(settings.bnb4bitQuantType) : INT8_ABS_MAX,
  )
}
