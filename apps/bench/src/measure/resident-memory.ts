import { readFileSync } from 'node:fs'

/** Resident memory of a process in bytes, as Linux counts it. */
export interface ResidentMemory {
  /** Heap, stacks, buffers: belongs to this process alone. */
  readonly anonymous: number
  /** Pages of mapped files, programs included: shared with the page cache and other processes. */
  readonly file: number
}

/** @returns undefined where the system is not Linux, and for a process that has ended. */
export function residentMemory(pid: number | 'self' = 'self'): ResidentMemory | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return undefined
  }
  const kibibytes = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0)
  return {
    anonymous: (kibibytes('RssAnon') + kibibytes('RssShmem')) * 1024,
    file: kibibytes('RssFile') * 1024,
  }
}
