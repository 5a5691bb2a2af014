import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { cacheFolder } from 'hfquant'
import type { Contender } from './contenders.js'
import type { Measurement } from './measure-model.js'
import { dropFromPageCache } from './page-cache.js'

/** Measures one start of a contender, which keeps what it compiles in `cache`. */
export type MeasureStart = (contender: Contender, cache: string) => Promise<number>

/**
 * The start that finds nothing compiled, and the bytes on disk of what it left for later ones, in times those of the
 * weights. A library that compiles nothing has only its start.
 */
export async function firstStart(
  contender: Contender,
  work: string,
  measure: MeasureStart,
): Promise<Measurement> {
  const cache = await mkdtemp(join(work, 'first-'))
  try {
    const seconds = await measure(contender, cache)
    await untilCompiled(cache)
    const compiled = await bytesUnder(join(ownFolder(cache), 'artifacts'))
    if (compiled === 0) return { 'start first': seconds }
    return { 'start first': seconds, artifact: compiled / (await bytesUnder(contender.path, '.safetensors')) }
  } finally {
    await rm(cache, { recursive: true, force: true })
  }
}

/** A start that finds its model compiled, and has to read every file from the disk; none where it cannot be told to. */
export async function coldStart(
  contender: Contender,
  cache: string,
  measure: MeasureStart,
): Promise<Measurement> {
  for (const place of [contender.path, cache]) if (!(await dropFromPageCache(place))) return {}
  return { 'start cold': await measure(contender, cache) }
}

/** Waits for the process that compiles a model once it has answered: what is measured next has the machine to itself. */
export async function untilCompiled(cache: string): Promise<void> {
  while ((await readdir(join(ownFolder(cache), 'work')).catch(() => [])).length > 0) await setTimeout(100)
}

const ownFolder = (cache: string): string => cacheFolder({ HFQUANT_CACHE: cache })

/** Of the files of a folder whose names end so; 0 if there is none. */
async function bytesUnder(folder: string, extension = ''): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const sizes = names
    .filter((name) => name.endsWith(extension))
    .map(async (name) => {
      const found = await stat(join(folder, name))
      return found.isFile() ? found.size : 0
    })
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
