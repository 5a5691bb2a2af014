import type { JsonObject } from '@hfquant/core'
import type { AwqSettings } from './settings.js'

/** The block in the order of AutoAWQ; never the texts that transformers lets a block have. */
export function formatSettings(settings: AwqSettings): JsonObject {
  const { groupSize, zeroPoint, version, bits, modulesToNotConvert } = settings
  const { dataset, ...others } = settings.others
  return {
    quant_method: 'awq',
    zero_point: zeroPoint,
    group_size: groupSize,
    bits,
    version,
    modules_to_not_convert: modulesToNotConvert,
    ...others,
    ...(typeof dataset === 'string' ? { dataset } : {}),
  }
}
