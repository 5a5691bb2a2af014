import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Tests keep compiled models in a folder of this run, not in the cache of whoever runs them. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'hfquant-test-cache-'))
  process.env.HFQUANT_CACHE = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
