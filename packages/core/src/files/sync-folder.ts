import { open } from 'node:fs/promises'

/** Makes names survive a power failure. Some systems cannot sync a folder; its files are safe by then. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}
