import { cacheFolder, createWorkFolder, HfquantError } from 'hfquant'

export interface CacheCheck {
  readonly folder: string
  readonly writable: boolean
  readonly problem?: string
}

/** Makes a folder in the cache folder, which is made if need be, and removes it. */
export async function checkCacheFolder(): Promise<CacheCheck> {
  const folder = cacheFolder()
  try {
    await (await createWorkFolder(folder)).remove()
    return { folder, writable: true }
  } catch (error) {
    const reason = HfquantError.isInstance(error) ? error.message : String(error)
    const problem = `the cache folder ${folder} cannot be used (${reason}); set HFQUANT_CACHE to one that can`
    return { folder, writable: false, problem }
  }
}
