import type { ModelMemory } from '@hfquant/transformers'

/** Memory of two compiled graphs; null where the system does not tell. */
export const sumMemory = (
  one: ModelMemory['compiled'],
  other: ModelMemory['compiled'],
): ModelMemory['compiled'] => {
  const add = (a: number | null, b: number | null) => (a === null || b === null ? null : a + b)
  return {
    fileSize: one.fileSize + other.fileSize,
    mapped: add(one.mapped, other.mapped),
    resident: add(one.resident, other.resident),
    proportional: add(one.proportional, other.proportional),
  }
}
