import { homedir } from 'node:os'
import { join } from 'node:path'

type Variables = Readonly<Record<string, string | undefined>>

/** `HF_HOME`, as Python's huggingface_hub finds it. An empty variable counts as unset. */
export function hubHome(variables: Variables = process.env): string {
  const cache = folderIn(variables, 'XDG_CACHE_HOME') ?? join(homedir(), '.cache')
  return folderIn(variables, 'HF_HOME') ?? join(cache, 'huggingface')
}

/** The folder that holds `models--org--name`, as Python's huggingface_hub finds it. */
export const hubCacheFolder = (variables: Variables = process.env): string =>
  folderIn(variables, 'HF_HUB_CACHE') ??
  folderIn(variables, 'HUGGINGFACE_HUB_CACHE') ??
  join(hubHome(variables), 'hub')

const folderIn = (variables: Variables, name: string): string | undefined =>
  (variables[name]?.trim() || undefined)?.replace(/^~(?=$|[/\\])/, homedir())
