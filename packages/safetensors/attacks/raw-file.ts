import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file built by hand, right or wrong: length field, header text, `dataBytes` zeros. */
export function rawFile(header: string | object, dataBytes = 0, headerBytes?: number | bigint): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header), 'utf8')
  const bytes = new Uint8Array(8 + text.byteLength + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes ?? text.byteLength), true)
  bytes.set(text, 8)
  return bytes
}

/** Runs with an empty folder that is removed afterwards. */
export async function withFolder<T>(action: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
  try {
    return await action(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
