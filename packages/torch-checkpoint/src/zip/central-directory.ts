import { quote, type Refuse } from '../errors.js'
import type { DirectoryPlace } from './end-of-directory.js'
import { MAX_ENTRY_NAME_BYTES } from './limits.js'

/** One line of the central directory, checked. */
export interface CentralEntry {
  readonly name: string
  readonly byteLength: number
  /** Position of the local header. */
  readonly headerOffset: number
}

// PKWARE APPNOTE 6.3, section 4.3.12.
const ENTRY_SIGNATURE = 0x02014b50
const ENTRY_BYTES = 46
const ZIP64_EXTRA = 0x0001
const ALL_ONES = 0xffffffff
/** Bit 0 encryption, bit 6 strong encryption, bit 13 masked headers. */
export const ENCRYPTION_BITS = 0x2041

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads every entry; the names are those of plain files below one folder, without repetition. */
export function parseCentralDirectory(
  directory: Uint8Array,
  place: DirectoryPlace,
  refuse: Refuse,
): readonly CentralEntry[] {
  const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength)
  const entries: CentralEntry[] = []
  const names = new Set<string>()
  let at = 0
  for (let index = 0; index < place.entries; index++) {
    if (at + ENTRY_BYTES > directory.byteLength || view.getUint32(at, true) !== ENTRY_SIGNATURE) {
      refuse('ZIP_BAD', `entry ${index + 1} of ${place.entries} is missing in the zip directory`)
    }
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true),
    )
    const nameAt = at + ENTRY_BYTES
    const extraAt = nameAt + nameBytes!
    const next = extraAt + extraBytes! + commentBytes!
    if (next > directory.byteLength)
      refuse('ZIP_BAD', `entry ${index + 1} passes the end of the zip directory`)
    const name = readName(directory.subarray(nameAt, extraAt), refuse)
    if (names.has(name)) refuse('ZIP_DUPLICATE_NAME', `the zip entry ${quote(name)} appears twice`)
    names.add(name)
    entries.push({ name, ...readPlace(view, at, { extraAt, extraBytes: extraBytes!, name }, place, refuse) })
    at = next
  }
  if (at !== directory.byteLength) {
    refuse('ZIP_BAD', `${directory.byteLength - at} bytes follow the last entry of the zip directory`)
  }
  return entries
}

function readName(bytes: Uint8Array, refuse: Refuse): string {
  if (bytes.byteLength > MAX_ENTRY_NAME_BYTES) {
    refuse(
      'ZIP_LIMIT',
      `the name of a zip entry has ${bytes.byteLength} bytes; ${MAX_ENTRY_NAME_BYTES} are allowed`,
    )
  }
  const name = decodeName(bytes, refuse)
  const parts = name.split('/')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (parts.some((part) => part === '' || part === '.' || part === '..') || /[\\:\u0000-\u001f]/.test(name)) {
    refuse('ZIP_BAD_NAME', `the zip entry ${quote(name)} is not the name of a file in the archive`)
  }
  return name
}

function decodeName(bytes: Uint8Array, refuse: Refuse): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    return refuse('ZIP_BAD_NAME', 'the name of a zip entry is not UTF-8', { cause })
  }
}

function readPlace(
  view: DataView,
  at: number,
  { extraAt, extraBytes, name }: { extraAt: number; extraBytes: number; name: string },
  place: DirectoryPlace,
  refuse: Refuse,
): { byteLength: number; headerOffset: number } {
  if ((view.getUint16(at + 8, true) & ENCRYPTION_BITS) !== 0) {
    refuse('ZIP_ENCRYPTED', `the zip entry ${quote(name)} is encrypted`)
  }
  const method = view.getUint16(at + 10, true)
  if (method !== 0) refuse('ZIP_COMPRESSED', `the zip entry ${quote(name)} is compressed (method ${method})`)

  const short = [24, 20, 42].map((field) => view.getUint32(at + field, true))
  const wide = readZip64Extra(view, extraAt, extraBytes, short, () =>
    refuse('ZIP_BAD', `the zip64 field of the zip entry ${quote(name)} is damaged`),
  )
  const [byteLength, storedBytes, headerOffset] = wide as [number, number, number]
  if (storedBytes !== byteLength) {
    refuse('ZIP_BAD', `the zip entry ${quote(name)} has ${byteLength} bytes and stores ${storedBytes}`)
  }
  if (view.getUint16(at + 34, true) !== 0)
    refuse('ZIP_BAD', `the zip entry ${quote(name)} is in another part`)
  if (headerOffset + byteLength > place.offset) {
    refuse('ZIP_BAD', `the zip entry ${quote(name)} reaches into the directory`)
  }
  return { byteLength, headerOffset }
}

/** Fields that are all ones stand in the zip64 extra field, in the order size, stored size, position. */
function readZip64Extra(
  view: DataView,
  extraAt: number,
  extraBytes: number,
  short: readonly number[],
  damaged: () => never,
): number[] {
  if (!short.includes(ALL_ONES)) return [...short]
  for (let at = extraAt; at + 4 <= extraAt + extraBytes; ) {
    const bytes = view.getUint16(at + 2, true)
    const end = at + 4 + bytes
    if (end > extraAt + extraBytes) damaged()
    if (view.getUint16(at, true) === ZIP64_EXTRA) {
      let field = at + 4
      return short.map((value) => {
        if (value !== ALL_ONES) return value
        if (field + 8 > end) damaged()
        const wide = Number(view.getBigUint64(field, true))
        field += 8
        return Number.isSafeInteger(wide) ? wide : damaged()
      })
    }
    at = end
  }
  return damaged()
}
