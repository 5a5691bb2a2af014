/** The weights of a model, best first: the first pattern that finds something is the one that is downloaded. */
const SETS = [
  /^model\.safetensors$/,
  /^model(-\d{5}-of-\d{5}\.safetensors|\.safetensors\.index\.json)$/,
  /^[A-Za-z0-9][\w.-]*\.safetensors(\.index\.json)?$/,
  /^pytorch_model\.bin$/,
  /^pytorch_model(-\d{5}-of-\d{5}\.bin|\.bin\.index\.json)$/,
]

/** Of the names of files, one set of weights with its index: the best that is there, copies in other formats left out. */
export const chooseWeights = (names: readonly string[]): readonly string[] => weightSets(names)[0] ?? []

/** Every set of weights that the names of files hold, best first. */
export function weightSets(names: readonly string[]): string[][] {
  const sets = SETS.map((pattern) => names.filter((name) => pattern.test(name)))
  return sets.filter((set) => set.some((name) => !isIndex(name)))
}

export const isIndex = (name: string): boolean => name.endsWith('.index.json')

/** The other shards of a set that a name such as "model-00001-of-00002.safetensors" speaks of, itself included. */
export function shardsBeside(name: string): string[] {
  const [, stem, count, ending] = /^(.+)-\d{5}-of-(\d{5})(\.\w+)$/.exec(name) ?? []
  if (stem === undefined) return [name]
  return Array.from(
    { length: Number(count) },
    (_, shard) => `${stem}-${String(shard + 1).padStart(5, '0')}-of-${count}${ending}`,
  )
}
