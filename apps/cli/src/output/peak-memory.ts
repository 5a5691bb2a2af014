import { readFileSync } from 'node:fs'

/**
 * The most memory, in bytes, that this process has had resident.
 *
 * On Linux `getrusage` also counts what the parent process had when it started this one, so the figure is read from
 * the kernel's account of this address space.
 */
export function peakRssBytes(): number {
  try {
    const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    if (kibibytes !== undefined) return Number(kibibytes) * 1024
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024
}
