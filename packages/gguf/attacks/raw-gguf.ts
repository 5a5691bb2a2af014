import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const numbers = (bytes: number, write: (view: DataView) => void): Uint8Array => {
  const view = new DataView(new ArrayBuffer(bytes))
  write(view)
  return new Uint8Array(view.buffer)
}
export const u32 = (value: number) => numbers(4, (view) => view.setUint32(0, value, true))
export const u64 = (value: number | bigint) => numbers(8, (view) => view.setBigUint64(0, BigInt(value), true))
export const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** A string as a file has it; bytes stay as they are. */
export function text(value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return joined(u64(bytes.byteLength), bytes)
}

/** A pair of the metadata: the number of its type, its bytes. */
export const pair = (key: string | Uint8Array, type: number, ...value: readonly Uint8Array[]): Uint8Array =>
  joined(text(key), u32(type), ...value)

/** A line of the table: sizes outermost first, as the reader gives them. */
export const info = (
  name: string | Uint8Array,
  type: number,
  shape: readonly (number | bigint)[],
  offset: number | bigint = 0,
): Uint8Array =>
  joined(text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(type), u64(offset))

export interface RawGguf {
  readonly magic?: string
  readonly version?: number
  readonly pairs?: readonly Uint8Array[]
  readonly infos?: readonly Uint8Array[]
  readonly pairCount?: number | bigint
  readonly infoCount?: number | bigint
  readonly alignment?: number
  readonly data?: Uint8Array
}

/** A file built by hand, right or wrong. */
export function rawGguf({
  magic = 'GGUF',
  version = 3,
  pairs = [],
  infos = [],
  pairCount = pairs.length,
  infoCount = infos.length,
  alignment = 32,
  data = new Uint8Array(),
}: RawGguf = {}): Uint8Array {
  const counts = joined(Buffer.from(magic), u32(version), u64(infoCount), u64(pairCount))
  const header = joined(counts, ...pairs, ...infos)
  const padding = new Uint8Array(Math.ceil(header.byteLength / alignment) * alignment - header.byteLength)
  return joined(header, padding, data)
}

/** Runs with an empty folder that is removed afterwards. */
export async function withFolder<T>(action: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'gguf-'))
  try {
    return await action(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
