import type { JsonObject } from '@hfquant/core'
import type { GptqSettings } from './settings.js'
import { VERSION } from './version.js'

/**
 * The block of config.json. One that was read keeps what it said; one that was made here has the
 * keys of GPTQModel, with everything that mattered only while quantizing in `meta`, and never the calibration data.
 */
export function formatSettings(settings: GptqSettings): JsonObject {
  const { source } = settings
  if (source !== null) {
    const { dataset: _texts, ...kept } = source
    return {
      ...generalKeys(settings),
      ...kept,
      ...(typeof source.dataset === 'string' ? { dataset: source.dataset } : {}),
    }
  }
  return {
    ...generalKeys(settings),
    ...(settings.dynamic.length > 0
      ? {
          dynamic: Object.fromEntries(settings.dynamic.map(({ pattern, overrides }) => [pattern, overrides])),
        }
      : {}),
    ...(settings.modulesInBlock === null ? {} : { modules_in_block_to_quantize: settings.modulesInBlock }),
    ...(settings.backend === null ? {} : { backend: settings.backend }),
    ...(settings.maxInputLength === null ? {} : { max_input_length: settings.maxInputLength }),
    meta:
      settings.method === 'gptq'
        ? calibrationMeta(settings)
        : { quantizer: QUANTIZER, method: settings.method },
  }
}

const QUANTIZER = [`hfquant:${VERSION}`]

const generalKeys = ({ bits, groupSize, descAct, sym, lmHead, format }: GptqSettings): JsonObject => {
  const name = format === 'auto' ? 'gptq' : format
  return {
    quant_method: 'gptq',
    bits,
    group_size: groupSize,
    desc_act: descAct,
    sym,
    lm_head: lmHead,
    format: name,
    checkpoint_format: name,
    pack_dtype: 'int32',
  }
}

const calibrationMeta = (settings: GptqSettings): JsonObject => ({
  quantizer: QUANTIZER,
  damp_percent: settings.dampPercent,
  damp_auto_increment: settings.dampAutoIncrement,
  static_groups: settings.staticGroups,
  true_sequential: settings.trueSequential,
  mse: settings.mse,
  act_group_aware: settings.actGroupAware,
})
