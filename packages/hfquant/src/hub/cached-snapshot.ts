import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ggufModels, isGguf } from '@hfquant/transformers'
import type { CachedModel } from './cache.js'
import { isCommitHash } from './model-id.js'
import { MODEL_CONFIGS, type WantedFiles } from './needed-files.js'
import { isIndex, MAX_SHARDS, weightSets, withShards } from './weight-files.js'

/** A snapshot in the cache, and the files that keep it from being loaded. */
export interface CachedSnapshot {
  readonly folder: string
  readonly missing: readonly string[]
}

/** Indexes of the largest published models have a few megabytes; a larger file is no index. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024

/**
 * The snapshot that `revision` stood for when it was last downloaded; asks nobody.
 *
 * @param weights a GGUF file that is asked for in place of other weights.
 */
export async function findSnapshot(
  cached: CachedModel,
  revision: string,
  wanted: WantedFiles,
  weights?: string,
): Promise<CachedSnapshot | undefined> {
  const commit = isCommitHash(revision) ? revision : (await readText(cached.ref(revision)))?.trim()
  if (commit === undefined || !isCommitHash(commit)) return undefined
  const folder = cached.snapshot(commit)
  const names = await readdir(folder).catch(() => undefined)
  if (names === undefined) return undefined
  if (wanted === 'tokenizer') return { folder, missing: await absent(folder, ['tokenizer.json']) }
  const ggufs = weights !== undefined && isGguf(weights) ? [weights] : ggufModels(names)
  const isOther = weightSets(names).length > 0 || names.some(isIndex)
  if (ggufs.length > 0 && (!isOther || weights === ggufs[0])) {
    return { folder, missing: await absent(folder, [...withShards(ggufs)]) }
  }
  const configs = await absent(folder, MODEL_CONFIGS)
  const missing = configs.length === MODEL_CONFIGS.length ? ['config.json'] : []
  return { folder, missing: [...missing, ...(await missingWeights(folder, names))] }
}

/** What the best set of weights lacks; nothing if any set is whole, whatever indexes and parts of others are there. */
async function missingWeights(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const indexed = await readIndexes(folder, names)
  // Weights that only an index speaks of count, too.
  const known = new Set([...names, ...[...indexed.values()].flat()])
  let missing: readonly string[] | undefined
  for (const set of weightSets([...known])) {
    const lacks = await absent(folder, wholeSet(set, indexed))
    if (lacks.length === 0) return []
    missing ??= lacks
  }
  return missing ?? ['model.safetensors']
}

/** The shards that each index of a folder speaks of. One is read at a time: each may be large. */
async function readIndexes(folder: string, names: readonly string[]): Promise<Map<string, string[]>> {
  const indexed = new Map<string, string[]>()
  for (const name of names.filter(isIndex)) indexed.set(name, await shardsOf(join(folder, name)))
  return indexed
}

/** All files of a set: an index says which, and so do the names of shards. */
function wholeSet(set: readonly string[], indexed: ReadonlyMap<string, readonly string[]>): string[] {
  const named = set.filter(isIndex).flatMap((index) => indexed.get(index) ?? [])
  return [...new Set([...named, ...withShards(set.filter((name) => !isIndex(name)))])]
}

/** A link whose blob is gone is as good as no file. */
async function absent(folder: string, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)))
  return names.filter((_, index) => !found[index]?.isFile())
}

/** File names in the `weight_map` of an index; none if the file is no index, which the loader reports better. */
async function shardsOf(path: string): Promise<string[]> {
  try {
    const { weight_map: files }: { weight_map?: unknown } = JSON.parse((await readText(path)) ?? '{}')
    const shards = new Set(Object.values(files ?? {}).filter((name) => typeof name === 'string'))
    return shards.size > MAX_SHARDS ? [] : [...shards]
  } catch {
    return []
  }
}

async function readText(path: string): Promise<string | undefined> {
  const size = (await stat(path).catch(() => undefined))?.size
  return size === undefined || size > MAX_INDEX_BYTES
    ? undefined
    : readFile(path, 'utf8').catch(() => undefined)
}
