import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'

const MEBIBYTE = 2 ** 20
const LEAST = 256 * MEBIBYTE
/** What the process takes besides weights, keys and values. */
const REST = 1024 * MEBIBYTE

/**
 * Bytes of keys and values for each model: a quarter of the memory, unless the weights leave less.
 *
 * @param weights bytes of the weights of all models.
 */
export function automaticCacheMemory(weights: number, models: number, limit = memoryLimit()): number {
  const all = Math.max(LEAST, Math.min(limit / 4, limit - 1.2 * weights - REST))
  return Math.floor(all / models)
}

/** Bytes that this process may use: the limit of its cgroup, or the memory of the machine. */
function memoryLimit(): number {
  try {
    const limit = Number(readFileSync('/sys/fs/cgroup/memory.max', 'utf8'))
    return Number.isFinite(limit) && limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  } catch {
    return totalmem()
  }
}
