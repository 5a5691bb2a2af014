import type { JsonObject } from '../contract/json.js'

/** The entries of a configuration whose keys are not known: kept, so that they are written back, and without effect. */
export const unknownEntries = (json: JsonObject, known: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(json).filter(([key]) => !known.includes(key)))

/** What to say of them; nothing when there are none. */
export function unknownKeysRemark(unknown: JsonObject): readonly string[] {
  const keys = Object.keys(unknown)
  if (keys.length === 0) return []
  const names = keys.map((key) => `"${key}"`).join(', ')
  return [`the quantization config has keys that are not known here; kept, without effect: ${names}`]
}
