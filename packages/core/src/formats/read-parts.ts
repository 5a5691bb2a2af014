/** Bytes of components by their keys. */
export type PartBytes = (key: string) => Uint8Array

/** A layer whose constants are made, or a stored weight that is looked at. */
interface PartSource {
  read(key: string): Promise<Uint8Array>
}

/** Reads the components that something needs together. */
export async function readParts(source: PartSource, keys: readonly string[]): Promise<PartBytes> {
  const parts = new Map<string, Uint8Array>()
  for (const key of keys) parts.set(key, await source.read(key))
  return (key) => parts.get(key)!
}
