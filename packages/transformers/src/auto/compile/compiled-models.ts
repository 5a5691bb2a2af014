import {
  type CacheEntry,
  ConfigError,
  cacheFolder,
  listEntries,
  pruneEntries,
  quote,
  removeEntry,
} from '@hfquant/core/runtime'

/** A compiled model in the cache folder, or what is left there of a calibration that was interrupted. */
export interface CompiledModel {
  readonly kind: 'compiled' | 'calibration'
  readonly id: string
  /** Name of the model it was made from; undefined for one that is damaged. */
  readonly model: string | undefined
  /** The folder of that model. */
  readonly source: string | undefined
  /** `quant_method`; null for a float model. */
  readonly method: string | null
  readonly bytes: number
  readonly lastUsed: Date
}

/** What is kept in the cache folder of the user; what was used last comes first. */
export const listCompiledModels = async (): Promise<readonly CompiledModel[]> =>
  (await listEntries(cacheFolder())).map(toCompiledModel)

/**
 * Removes damaged entries of the cache folder, then those that were not used for the longest time, until the rest has at most
 * `maxBytes`. A model that is in use goes on working, and what another process is writing is not touched.
 *
 * @returns those that were removed.
 * @throws ConfigError OPTION_VALUE for what is no number of bytes; OutputError when the cache folder cannot be written.
 */
export async function pruneCompiledModels(maxBytes: number): Promise<readonly CompiledModel[]> {
  if (typeof maxBytes !== 'number' || !(maxBytes >= 0)) {
    throw new ConfigError('OPTION_VALUE', `maxBytes is ${quote(maxBytes)}, expected a number from 0 on`, {
      field: 'maxBytes',
      found: maxBytes,
      hint: 'Pass bytes: 5e9 for 5 GB, 0 to remove everything.',
    })
  }
  return (await pruneEntries(cacheFolder(), maxBytes)).map(toCompiledModel)
}

/**
 * Removes every compiled model of a name, or the one of an id.
 *
 * @param name the name or the folder of a model, or the first characters of an id, six at least.
 * @returns those that were removed.
 * @throws ConfigError COMPILED_MODEL_UNKNOWN when there is none; OutputError when the cache folder cannot be written.
 */
export async function removeCompiledModels(name: string): Promise<readonly CompiledModel[]> {
  const all = await listCompiledModels()
  const isMeant = ({ id, model, source }: CompiledModel) =>
    typeof name === 'string' &&
    (name === model || name === source || (name.length >= 6 && id.startsWith(name)))
  const meant = all.filter(isMeant)
  if (meant.length === 0) {
    const known = [...new Set(all.map(({ id, model }) => model ?? id))]
    throw new ConfigError('COMPILED_MODEL_UNKNOWN', `no compiled model is called ${quote(name)}`, {
      field: 'name',
      found: name,
      expected: known,
      hint: known.length === 0 ? 'The cache holds none.' : `There is ${known.join(', ')}.`,
    })
  }
  for (const { id, kind } of meant) await removeEntry(cacheFolder(), FOLDERS[kind], id)
  return meant
}

const FOLDERS = { compiled: 'artifacts', calibration: 'calibrations' } as const

const toCompiledModel = ({ kind, key, manifest, bytes, lastUsed }: CacheEntry): CompiledModel => ({
  kind: kind === 'artifacts' ? 'compiled' : 'calibration',
  id: key,
  model: manifest?.model,
  source: manifest?.source,
  method: manifest?.method ?? null,
  bytes,
  lastUsed,
})
