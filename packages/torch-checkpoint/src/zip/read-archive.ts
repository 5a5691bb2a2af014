import { quote, type Refuse } from '../errors.js'
import type { RegularFile } from '../read/regular-file.js'
import { type CentralEntry, ENCRYPTION_BITS, parseCentralDirectory } from './central-directory.js'
import { readEndOfDirectory } from './end-of-directory.js'

/** Bytes of one entry, in the file. */
export interface ArchiveEntry {
  readonly byteOffset: number
  readonly byteLength: number
}

// PKWARE APPNOTE 6.3, section 4.3.7.
const LOCAL_SIGNATURE = 0x04034b50
const LOCAL_BYTES = 30
/** Local headers are read this many at a time. */
const READS_AT_ONCE = 32

/**
 * Entries of a stored zip by name. Their sizes come from the central directory: the local headers that torch writes carry zeros.
 * The local headers are read all the same, because only they say where the data begin; names must agree, and no two entries may share bytes.
 */
export async function readArchive(
  file: RegularFile,
  refuse: Refuse,
): Promise<ReadonlyMap<string, ArchiveEntry>> {
  const place = await readEndOfDirectory(file, refuse)
  const directory = new Uint8Array(place.byteLength)
  await file.readInto(directory, place.offset)
  const central = [...parseCentralDirectory(directory, place, refuse)]
  central.sort((a, b) => a.headerOffset - b.headerOffset)

  const entries = new Map<string, ArchiveEntry>()
  let end = 0
  for (let first = 0; first < central.length; first += READS_AT_ONCE) {
    const batch = central.slice(first, first + READS_AT_ONCE)
    const placed = await Promise.all(batch.map((entry) => readLocalHeader(file, entry, place.offset, refuse)))
    for (const [index, { name, headerOffset }] of batch.entries()) {
      const entry = placed[index]!
      if (headerOffset < end) {
        refuse('ZIP_OVERLAP', `the zip entry ${quote(name)} shares bytes with the one before it`)
      }
      end = entry.byteOffset + entry.byteLength
      entries.set(name, entry)
    }
  }
  return entries
}

async function readLocalHeader(
  file: RegularFile,
  { name, headerOffset, byteLength }: CentralEntry,
  directoryOffset: number,
  refuse: Refuse,
): Promise<ArchiveEntry> {
  const bad = (problem: string): never => refuse('ZIP_BAD', `the zip entry ${quote(name)} ${problem}`)
  const nameBytes = new TextEncoder().encode(name)
  const local = new Uint8Array(LOCAL_BYTES + nameBytes.byteLength)
  if (headerOffset + local.byteLength > directoryOffset) bad('has no room for its header')
  await file.readInto(local, headerOffset)
  const view = new DataView(local.buffer)
  if (view.getUint32(0, true) !== LOCAL_SIGNATURE) bad('has no header where the directory says')
  if ((view.getUint16(6, true) & ENCRYPTION_BITS) !== 0) {
    refuse('ZIP_ENCRYPTED', `the zip entry ${quote(name)} is encrypted`)
  }
  if (view.getUint16(8, true) !== 0) refuse('ZIP_COMPRESSED', `the zip entry ${quote(name)} is compressed`)
  const isNamed = view.getUint16(26, true) === nameBytes.byteLength
  if (!isNamed || !nameBytes.every((byte, index) => local[LOCAL_BYTES + index] === byte)) {
    bad('has another name in its header')
  }
  const byteOffset = headerOffset + local.byteLength + view.getUint16(28, true)
  if (byteOffset + byteLength > directoryOffset) bad('reaches into the directory')
  return { byteOffset, byteLength }
}
