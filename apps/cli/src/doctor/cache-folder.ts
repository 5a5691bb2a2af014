import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from 'hfquant'

export interface CacheCheck {
  readonly folder: string
  readonly writable: boolean
  readonly problem?: string
}

/** Writes a file into the cache folder, which is made if need be, and removes it. */
export async function checkCacheFolder(): Promise<CacheCheck> {
  const folder = cacheFolder()
  const probe = join(folder, `doctor-${process.pid}`)
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(probe, 'probe')
    await rm(probe)
    return { folder, writable: true }
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    const problem = `the cache folder ${folder} cannot be written (${reason}); set HFQUANT_CACHE to one that can`
    return { folder, writable: false, problem }
  }
}
