/** One entry and what is wrong with it. */
export interface ZipEntry {
  readonly name: string
  readonly data?: Uint8Array
  readonly method?: number
  readonly flags?: number
  readonly localName?: string
  readonly localFlags?: number
  readonly localMethod?: number
  /** In place of the real ones. */
  readonly byteLength?: number
  readonly headerOffset?: number
  /** Sizes and position in a zip64 extra field. */
  readonly zip64?: boolean
}

/** What is wrong with the end of the archive. */
export interface ZipEnd {
  readonly count?: number
  readonly directoryOffset?: number
  readonly zip64?: { readonly count?: bigint; readonly offset?: bigint; readonly disks?: number }
  readonly comment?: string
  readonly disk?: number
}

/** A stored zip; without options a sound one. */
export function buildZip(entries: readonly ZipEntry[], end: ZipEnd = {}): Uint8Array {
  const parts: Buffer[] = []
  let position = 0
  const add = (part: Buffer): void => {
    parts.push(part)
    position += part.byteLength
  }
  const central = entries.map((entry) => {
    const data = entry.data ?? new Uint8Array()
    const offset = position
    const local = Buffer.alloc(30)
    const name = Buffer.from(entry.localName ?? entry.name)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(entry.localFlags ?? entry.flags ?? 0, 6)
    local.writeUInt16LE(entry.localMethod ?? entry.method ?? 0, 8)
    local.writeUInt16LE(name.byteLength, 26)
    add(local)
    add(name)
    add(Buffer.from(data))
    return centralRecord(entry, data.byteLength, offset)
  })
  const directoryOffset = position
  for (const record of central) add(record)
  const directoryBytes = position - directoryOffset
  if (end.zip64) add(zip64End(end.zip64, entries.length, directoryBytes, directoryOffset, position))
  const comment = Buffer.from(end.comment ?? '')
  const tail = Buffer.alloc(22)
  tail.writeUInt32LE(0x06054b50, 0)
  tail.writeUInt16LE(end.disk ?? 0, 4)
  tail.writeUInt16LE(end.zip64 ? 0xffff : (end.count ?? entries.length), 8)
  tail.writeUInt16LE(end.zip64 ? 0xffff : (end.count ?? entries.length), 10)
  tail.writeUInt32LE(end.zip64 ? 0xffffffff : directoryBytes, 12)
  tail.writeUInt32LE(end.zip64 ? 0xffffffff : (end.directoryOffset ?? directoryOffset), 16)
  tail.writeUInt16LE(comment.byteLength, 20)
  add(tail)
  add(comment)
  return Uint8Array.from(Buffer.concat(parts))
}

function centralRecord(entry: ZipEntry, dataBytes: number, realOffset: number): Buffer {
  const byteLength = entry.byteLength ?? dataBytes
  const offset = entry.headerOffset ?? realOffset
  const extra = Buffer.alloc(entry.zip64 ? 28 : 0)
  if (entry.zip64) {
    extra.writeUInt16LE(1, 0)
    extra.writeUInt16LE(24, 2)
    for (const [index, value] of [byteLength, byteLength, offset].entries()) {
      extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index)
    }
  }
  const name = Buffer.from(entry.name)
  const record = Buffer.alloc(46)
  record.writeUInt32LE(0x02014b50, 0)
  record.writeUInt16LE(entry.flags ?? 0, 8)
  record.writeUInt16LE(entry.method ?? 0, 10)
  record.writeUInt32LE(entry.zip64 ? 0xffffffff : byteLength, 20)
  record.writeUInt32LE(entry.zip64 ? 0xffffffff : byteLength, 24)
  record.writeUInt16LE(name.byteLength, 28)
  record.writeUInt16LE(extra.byteLength, 30)
  record.writeUInt32LE(entry.zip64 ? 0xffffffff : offset, 42)
  return Buffer.concat([record, name, extra])
}

function zip64End(
  wrong: NonNullable<ZipEnd['zip64']>,
  count: number,
  directoryBytes: number,
  directoryOffset: number,
  position: number,
): Buffer {
  const record = Buffer.alloc(76)
  record.writeUInt32LE(0x06064b50, 0)
  record.writeBigUInt64LE(44n, 4)
  record.writeBigUInt64LE(wrong.count ?? BigInt(count), 24)
  record.writeBigUInt64LE(wrong.count ?? BigInt(count), 32)
  record.writeBigUInt64LE(BigInt(directoryBytes), 40)
  record.writeBigUInt64LE(wrong.offset ?? BigInt(directoryOffset), 48)
  record.writeUInt32LE(0x07064b50, 56)
  record.writeUInt32LE(wrong.disks ?? 0, 60)
  record.writeBigUInt64LE(BigInt(position), 64)
  record.writeUInt32LE(1, 72)
  return record
}

/** Four float32: 1, 2, 3, 4. */
export const fourFloats = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)

/** A file of torch.save around a pickle, with one storage of four floats unless others are given. */
export function buildCheckpoint(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = { 0: fourFloats },
): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, data: bytes }))
  return buildZip([{ name: 'archive/data.pkl', data: pickle }, ...data])
}
