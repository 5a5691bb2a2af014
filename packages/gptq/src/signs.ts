import type { CheckpointHeaders, JsonObject, MethodSigns } from '@hfquant/core'
import { isAutoRound, packingOf } from './auto-round/block.js'

/**
 * quantize_config.json of older tools does not name its method; that of AWQ names a version of its layout. Models of AutoRound
 * have the tensors of other methods, most of them of this one, which refuses the packings that nobody reads.
 */
function claims(json: JsonObject): boolean {
  if (isAutoRound(json)) return packingOf(json) !== AWQ_PACKING
  const groupSize = json.group_size ?? json.q_group_size
  const isUnnamed = json.quant_method === undefined && json.version === undefined
  return isUnnamed && json.bits !== undefined && groupSize !== undefined
}

const AWQ_PACKING = 'auto_round:auto_awq'

const recognizes = (headers: CheckpointHeaders): boolean => firstOf(headers) !== undefined

/** Name of the first tensor that holds codes. */
export const firstOf = ({ tensors }: CheckpointHeaders): string | undefined =>
  [...tensors.keys()].find((name) => {
    const path = ENDING.exec(name)?.[1]
    return path !== undefined && isGptq(path, tensors)
  })

const ENDING = /^(.*)\.qweight$/

/**
 * qweight int32 [K · bits / 32, N] and scales [G, N]. The words of AWQ run along the rows: its qweight is [K, N / 8] beside
 * scales [G, N], [N, K / 8] beside [N, 8 · w], or int16.
 */
function isGptq(path: string, tensors: CheckpointHeaders['tensors']): boolean {
  const { dtype, shape } = tensors.get(`${path}.qweight`)!
  const scales = tensors.get(`${path}.scales`)?.shape
  if (tensors.has(`${path}.g_idx`) || scales === undefined) return true
  return dtype === 'int32' && shape[1] === scales[1] && shape[0] !== scales[0]
}

export const signs: readonly MethodSigns[] = [{ quantMethod: 'gptq', claims, recognizes }]
