import { ggufModels } from '@hfquant/transformers'

/** The weights of a model, best first: the first pattern that finds something is the one that is downloaded. */
const SETS = [
  /^model\.safetensors$/,
  /^model(-\d{5}-of-\d{5}\.safetensors|\.safetensors\.index\.json)$/,
  /^[A-Za-z0-9][\w.-]*\.safetensors(\.index\.json)?$/,
  /^pytorch_model\.bin$/,
  /^pytorch_model(-\d{5}-of-\d{5}\.bin|\.bin\.index\.json)$/,
]

/** As many as a repository may have files: a name or an index that speaks of more belongs to no model. */
export const MAX_SHARDS = 10_000

/**
 * Of the names of files, one set of weights with its index: the best that is there, copies in other formats left out. A
 * GGUF file, with all of its parts, is one where nothing else is, or where it is asked for.
 *
 * @param preferred a file that is taken before all others.
 */
export function chooseWeights(names: readonly string[], preferred?: string): readonly string[] {
  if (preferred !== undefined && names.includes(preferred)) return [...withShards([preferred])]
  return weightSets(names)[0] ?? [...withShards(ggufModels(names))]
}

/** Every set of weights that the names of files hold, best first. */
export function weightSets(names: readonly string[]): string[][] {
  const sets = SETS.map((pattern) => names.filter((name) => pattern.test(name)))
  return sets.filter((set) => set.some((name) => !isIndex(name)))
}

export const isIndex = (name: string): boolean => name.endsWith('.index.json')

/**
 * The names, and those of the shards that lie beside a file whose name is one such as "model-00001-of-00002.safetensors".
 */
export function withShards(names: readonly string[]): Set<string> {
  const all = new Set(names)
  const seen = new Set<string>()
  for (const name of names) {
    const [, stem, count, ending] = /^(.+)-\d{5}-of-(\d{5})(\.\w+)$/.exec(name) ?? []
    const series = `${stem}-of-${count}${ending}`
    if (stem === undefined || seen.has(series) || all.size + Number(count) > MAX_SHARDS) continue
    seen.add(series)
    for (let shard = 1; shard <= Number(count); shard++)
      all.add(`${stem}-${String(shard).padStart(5, '0')}-of-${count}${ending}`)
  }
  return all
}
