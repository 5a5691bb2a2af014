import { type JsonObject, readObject } from '@hfquant/core'

/** A word about a config.json whose two spellings of rope settings disagree; undefined for any other. */
export function ropeRemark(json: JsonObject): string | undefined {
  const older = readObject(json, 'rope_scaling', {})
  const newer = readObject(json, 'rope_parameters', {})
  if (Object.keys(older).length === 0 || Object.keys(newer).length === 0) return undefined
  const taken: JsonObject = { rope_type: older.type, rope_theta: json.rope_theta, ...older }
  const differing = Object.keys({ ...newer, ...older }).filter(
    (key) => key !== 'type' && JSON.stringify(taken[key]) !== JSON.stringify(newer[key]),
  )
  if (differing.length === 0) return undefined
  return `rope_scaling and rope_parameters disagree about ${differing.join(', ')}; rope_scaling is taken, whole, as transformers does`
}
