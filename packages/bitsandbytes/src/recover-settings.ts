import type { CheckpointHeaders } from '@hfquant/core'
import { type BitsAndBytesSettings, readSettings } from './settings.js'

/**
 * The settings of a checkpoint whose config.json lost them, from the names of its tensors; undefined when none is
 * quantized. The threshold of outliers and the dtypes are not visible there, and come back as the defaults.
 */
export function recoverSettings({ tensors }: CheckpointHeaders): BitsAndBytesSettings | undefined {
  const names = [...tensors.keys()]
  const type = names.map((name) => FOUR_BIT.exec(name)?.[1]).find((found) => found !== undefined)
  if (type !== undefined) {
    const isNested = names.some((name) => name.endsWith('.weight.nested_absmax'))
    return readSettings({
      load_in_4bit: true,
      bnb_4bit_quant_type: type,
      bnb_4bit_use_double_quant: isNested,
    })
  }
  return names.some((name) => name.endsWith('.SCB')) ? readSettings({ load_in_8bit: true }) : undefined
}

const FOUR_BIT = /\.weight\.quant_state\.bitsandbytes__(nf4|fp4)$/
