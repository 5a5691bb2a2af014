import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'

/** A file that is going to be mapped. It may be renamed or deleted afterwards. */
export interface MappedFile {
  /** Bytes on disk; 0 for a file that there is not. */
  readonly size: number
  /** Null where the system does not tell (Linux does), zeros where nothing of the file is mapped. */
  mapping(): Promise<FileMapping | null>
}

/** What this process has mapped of a file, in bytes. */
export interface FileMapping {
  /** Parts of the file that have an address. They take no memory before they are used. */
  readonly mapped: number
  /** Pages of these that are in memory now: once, however many processes have mapped them. */
  readonly resident: number
  /** This process's share of them: a page that three processes use counts as a third. */
  readonly proportional: number
}

export async function findMappedFile(path: string): Promise<MappedFile> {
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  if (found === undefined) return { size: 0, mapping: async () => NOTHING }
  return { size: Number(found.size), mapping: () => readMapping(found.ino, basename(path)) }
}

const NOTHING: FileMapping = { mapped: 0, resident: 0, proportional: 0 }

/** A file is known by its inode, and by its name, because inodes of two disks may be equal. */
async function readMapping(inode: bigint, name: string): Promise<FileMapping | null> {
  const areas = await readFile('/proc/self/smaps', 'utf8').catch(() => undefined)
  if (areas === undefined) return null
  const parts = areas.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((area) => readArea(area, inode, name))
  // Two sessions of one process map the same parts, which are in memory only once.
  parts.sort((a, b) => a.offset - b.offset || b.size - a.size || b.resident - a.resident)
  let [end, mapped, resident] = [0, 0, 0]
  for (const part of parts) {
    const added = Math.max(0, part.offset + part.size - Math.max(part.offset, end))
    mapped += added
    resident += Math.min(part.resident, added)
    end = Math.max(end, part.offset + part.size)
  }
  return { mapped, resident, proportional: parts.reduce((sum, part) => sum + part.proportional, 0) }
}

/** `<from>-<to> rw-p <offset> <device> <inode> <path>`, the path with " (deleted)" behind it if it is. */
const HEADING = /^\S+ \S+ ([0-9a-f]+) \S+ (\d+) +(.*?)(?: \(deleted\))?\n/

/** The area as a part of the file, if it is one. */
function readArea(area: string, inode: bigint, name: string) {
  const [, offset, found, path] = HEADING.exec(area) ?? []
  if (found !== String(inode) || !path!.endsWith(`/${name}`)) return []
  const bytes = (field: string) =>
    Number(new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(area)?.[1] ?? 0) * 1024
  const [size, resident, proportional] = [bytes('Size'), bytes('Rss'), bytes('Pss')]
  return [{ offset: Number.parseInt(offset!, 16), size, resident, proportional }]
}
