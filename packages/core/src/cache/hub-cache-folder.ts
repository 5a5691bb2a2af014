import { homedir } from 'node:os'
import { join } from 'node:path'

type Variables = Readonly<Record<string, string | undefined>>

/** The folder that holds `models--org--name`, as Python's huggingface_hub finds it. */
export const hubCacheFolder = (variables: Variables = process.env): string =>
  folderIn(variables, 'HF_HUB_CACHE') ??
  folderIn(variables, 'HUGGINGFACE_HUB_CACHE') ??
  join(hubHome(variables), 'hub')

/** The file that holds the access token of the hub, as Python's huggingface_hub finds it. */
export const hubTokenFile = (variables: Variables = process.env): string =>
  folderIn(variables, 'HF_TOKEN_PATH') ?? join(hubHome(variables), 'token')

/** `HF_HOME`. */
function hubHome(variables: Variables): string {
  const cache = folderIn(variables, 'XDG_CACHE_HOME') ?? join(homedir(), '.cache')
  return folderIn(variables, 'HF_HOME') ?? join(cache, 'huggingface')
}

/** An empty variable counts as unset. */
const folderIn = (variables: Variables, name: string): string | undefined =>
  (variables[name]?.trim() || undefined)?.replace(/^~(?=$|[/\\])/, homedir())
