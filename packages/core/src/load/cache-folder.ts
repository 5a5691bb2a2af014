import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where hfquant keeps files that can be made again: `HFQUANT_CACHE`, or the platform's cache folder. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.HFQUANT_CACHE) return environment.HFQUANT_CACHE
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'hfquant')
  if (process.platform === 'win32') return join(environment.LOCALAPPDATA ?? homedir(), 'hfquant', 'Cache')
  return join(environment.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hfquant')
}
