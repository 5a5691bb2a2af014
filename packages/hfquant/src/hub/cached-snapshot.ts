import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CachedModel } from './cache.js'
import { isCommitHash } from './model-id.js'

/** A snapshot in the cache, and the files that keep it from being loaded. */
export interface CachedSnapshot {
  readonly folder: string
  readonly missing: readonly string[]
}

/** Indexes of the largest published models have a few megabytes; a larger file is no index. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024

/** The snapshot that `revision` stood for when it was last downloaded; asks nobody. */
export async function findSnapshot(
  cached: CachedModel,
  revision: string,
): Promise<CachedSnapshot | undefined> {
  const commit = isCommitHash(revision) ? revision : (await readText(cached.ref(revision)))?.trim()
  if (commit === undefined || !isCommitHash(commit)) return undefined
  const folder = cached.snapshot(commit)
  const names = await readdir(folder).catch(() => undefined)
  return names && { folder, missing: await missingFiles(folder, names) }
}

async function missingFiles(folder: string, names: readonly string[]): Promise<string[]> {
  const required = new Set(['config.json'])
  const weights = names.filter((name) => /\.(safetensors|bin)$/.test(name))
  if (weights.length === 0) required.add('model.safetensors')
  for (const name of weights) required.add(name)
  for (const index of names.filter((name) => /\.(safetensors|bin)\.index\.json$/.test(name))) {
    for (const shard of await shardsOf(join(folder, index))) required.add(shard)
  }
  const missing = []
  for (const name of required) {
    // A link whose blob is gone is as good as no file.
    const isThere = names.includes(name) && (await stat(join(folder, name)).catch(() => undefined))
    if (!isThere) missing.push(name)
  }
  return missing
}

/** File names in the `weight_map` of an index; none if the file is no index, which the loader reports better. */
async function shardsOf(path: string): Promise<Set<string>> {
  try {
    const { weight_map: files }: { weight_map?: unknown } = JSON.parse((await readText(path)) ?? '{}')
    return new Set(Object.values(files ?? {}).filter((name) => typeof name === 'string'))
  } catch {
    return new Set()
  }
}

async function readText(path: string): Promise<string | undefined> {
  const size = (await stat(path).catch(() => undefined))?.size
  return size === undefined || size > MAX_INDEX_BYTES
    ? undefined
    : readFile(path, 'utf8').catch(() => undefined)
}
