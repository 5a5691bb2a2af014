import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The key that a server asks for when nobody named one: that of the last start, so that clients need not be told again. */
export interface MadeKey {
  readonly key: string
  /** False for one that an earlier start made. */
  readonly isNew: boolean
}

const KEY = /^[0-9a-f]{64}$/

/**
 * @param file where it is kept, readable by its owner alone; undefined: nowhere. Where it cannot be written, the key holds
 * for this start.
 */
export async function makeKey(file: string | undefined): Promise<MadeKey> {
  const kept = file === undefined ? '' : (await readFile(file, 'utf8').catch(() => '')).trim()
  if (KEY.test(kept)) return { key: kept, isNew: false }
  const key = randomBytes(32).toString('hex')
  if (file !== undefined) await keep(file, key).catch(() => {})
  return { key, isNew: true }
}

async function keep(file: string, key: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.chmod(0o600)
    await handle.writeFile(`${key}\n`)
  } finally {
    await handle.close()
  }
}
