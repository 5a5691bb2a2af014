import type { Refuse } from '../errors.js'
import type { RegularFile } from '../read/regular-file.js'
import { MAX_DIRECTORY_BYTES, MAX_ENTRIES } from './limits.js'

/** Where the central directory lies. */
export interface DirectoryPlace {
  readonly offset: number
  readonly byteLength: number
  readonly entries: number
}

// PKWARE APPNOTE 6.3, sections 4.3.14 to 4.3.16.
const END_SIGNATURE = 0x06054b50
const END_BYTES = 22
const MAX_COMMENT_BYTES = 0xffff
const LOCATOR_SIGNATURE = 0x07064b50
const LOCATOR_BYTES = 20
const RECORD_SIGNATURE = 0x06064b50
const RECORD_BYTES = 56

/** Reads the end record, and the zip64 one where there is one, and checks that they agree and fit the file. */
export async function readEndOfDirectory(file: RegularFile, refuse: Refuse): Promise<DirectoryPlace> {
  const tailBytes = Math.min(file.byteLength, END_BYTES + MAX_COMMENT_BYTES + LOCATOR_BYTES + RECORD_BYTES)
  const tailStart = file.byteLength - tailBytes
  const tail = new DataView(new ArrayBuffer(tailBytes))
  await file.readInto(new Uint8Array(tail.buffer), tailStart)
  const at = findEnd(tail) ?? refuse('ZIP_BAD', 'the end of the zip directory is missing')

  const short = {
    disks: tail.getUint16(at + 4, true) + tail.getUint16(at + 6, true),
    entriesHere: tail.getUint16(at + 8, true),
    entries: tail.getUint16(at + 10, true),
    byteLength: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
  }
  const wide = readZip64(tail, at, tailStart, refuse)
  // A field of the short record is all ones when only the zip64 record has room for the value.
  const pick = (field: 'entries' | 'byteLength' | 'offset', allOnes: number): number => {
    if (wide === undefined) return short[field]
    if (short[field] !== allOnes && short[field] !== wide[field]) {
      refuse(
        'ZIP_BAD',
        `the two ends of the zip directory disagree: ${field} ${short[field]} and ${wide[field]}`,
      )
    }
    return wide[field]
  }
  const place = {
    entries: pick('entries', 0xffff),
    byteLength: pick('byteLength', 0xffffffff),
    offset: pick('offset', 0xffffffff),
  }
  const disks = short.disks + (wide?.disks ?? 0)
  const entriesHere = wide?.entriesHere ?? short.entriesHere
  if (disks !== 0 || entriesHere !== place.entries) refuse('ZIP_BAD', 'the archive is one of several parts')
  if (place.entries > MAX_ENTRIES || place.byteLength > MAX_DIRECTORY_BYTES) {
    const found = `${place.entries} entries and ${place.byteLength} bytes of directory`
    refuse('ZIP_LIMIT', `${found}; at most ${MAX_ENTRIES} and ${MAX_DIRECTORY_BYTES} are read`)
  }
  const end = wide?.position ?? tailStart + at
  if (place.offset + place.byteLength !== end) {
    refuse('ZIP_BAD', `the zip directory does not end at byte ${end}, where its end record begins`)
  }
  return place
}

/** The last end record whose comment ends with the file. */
function findEnd(tail: DataView): number | undefined {
  const last = tail.byteLength - END_BYTES
  for (let at = last; at >= Math.max(0, last - MAX_COMMENT_BYTES); at--) {
    if (tail.getUint32(at, true) === END_SIGNATURE && tail.getUint16(at + 20, true) === last - at) return at
  }
  return undefined
}

function readZip64(tail: DataView, end: number, tailStart: number, refuse: Refuse) {
  const locator = end - LOCATOR_BYTES
  if (locator < 0 || tail.getUint32(locator, true) !== LOCATOR_SIGNATURE) return undefined
  const wide = (at: number): number => {
    const value = Number(tail.getBigUint64(at, true))
    return Number.isSafeInteger(value) ? value : refuse('ZIP_BAD', `a zip64 field of ${value}`)
  }
  const position = wide(locator + 8)
  const at = position - tailStart
  if (at !== locator - RECORD_BYTES || at < 0 || tail.getUint32(at, true) !== RECORD_SIGNATURE) {
    return refuse('ZIP_BAD', 'the zip64 end record is not before its locator')
  }
  return {
    position,
    disks: tail.getUint32(locator + 4, true) + tail.getUint32(at + 16, true) + tail.getUint32(at + 20, true),
    entriesHere: wide(at + 24),
    entries: wide(at + 32),
    byteLength: wide(at + 40),
    offset: wide(at + 48),
  }
}
