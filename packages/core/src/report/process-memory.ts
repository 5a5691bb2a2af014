import { readFileSync } from 'node:fs'

/**
 * What this process has in memory, in bytes. Only Linux tells memory of the process's own from pages of files, which it
 * shares with every other process that has mapped them and gives up when memory is short; elsewhere those are null.
 */
export interface ProcessMemory {
  readonly resident: number
  /** Memory that nothing but this process holds. */
  readonly anonymous: number | null
  /** Pages of mapped files, weights of compiled models among them. */
  readonly fileBacked: number | null
  /** The most that was resident at once, pages of files included. */
  readonly peakResident: number
}

export function processMemory(): ProcessMemory {
  const { rss } = process.memoryUsage()
  try {
    const status = readFileSync('/proc/self/status', 'utf8')
    const bytes = (field: string) => {
      const kibibytes = new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]
      return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
    }
    const [anonymous, files, shared] = ['RssAnon', 'RssFile', 'RssShmem'].map(bytes)
    // `getrusage` also counts what the parent process had when it started this one.
    const peak = bytes('VmHWM')
    if (anonymous !== undefined && files !== undefined && peak !== undefined) {
      // What threads share, such as SharedArrayBuffers of workers, is no file either way.
      return { resident: rss, anonymous: anonymous + (shared ?? 0), fileBacked: files, peakResident: peak }
    }
  } catch {
    // Not Linux.
  }
  return {
    resident: rss,
    anonymous: null,
    fileBacked: null,
    peakResident: process.resourceUsage().maxRSS * 1024,
  }
}
