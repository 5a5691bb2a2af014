import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/**
 * Cores that this process may use: those of the machine, or the quota of its cgroup, which Node does not look at. More
 * threads than that stall each other.
 */
export function usableCores(read: (path: string) => string = (path) => readFileSync(path, 'utf8')): number {
  try {
    const [quota = '', period = ''] = read('/sys/fs/cgroup/cpu.max').split(/\s/)
    const cores = Math.ceil(Number(quota) / Number(period))
    return Number.isFinite(cores) && cores >= 1
      ? Math.min(cores, availableParallelism())
      : availableParallelism()
  } catch {
    return availableParallelism()
  }
}
