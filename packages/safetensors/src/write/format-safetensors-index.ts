/** Content of `model.safetensors.index.json`. */
export interface SafetensorsIndexJson {
  readonly metadata: { readonly total_parameters?: number; readonly total_size: number }
  /** Tensor name to file name; no prototype. */
  readonly weight_map: Readonly<Record<string, string>>
}

/**
 * The text that Python's `json.dumps(index, indent=2, sort_keys=True) + "\n"` gives: keys in code-point order,
 * everything outside printable ASCII escaped.
 */
export function formatSafetensorsIndex({ metadata, weight_map }: SafetensorsIndexJson): string {
  const block = (entries: readonly [string, string | number][]): string => {
    const lines = sortByCodePoint(entries).map(([key, value]) => `    ${ascii(key)}: ${ascii(value)}`)
    return lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n  }`
  }
  const sections = [
    `  "metadata": ${block(Object.entries(metadata))}`,
    `  "weight_map": ${block(Object.entries(weight_map))}`,
  ]
  return `{\n${sections.join(',\n')}\n}\n`
}

function ascii(value: string | number): string {
  return JSON.stringify(value).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** UTF-8 bytes sort like code points; JavaScript's own order differs for characters outside the first plane. */
function sortByCodePoint<T>(entries: readonly [string, T][]): [string, T][] {
  return entries
    .map((entry) => ({ entry, key: Buffer.from(entry[0], 'utf8') }))
    .sort((left, right) => Buffer.compare(left.key, right.key))
    .map(({ entry }) => entry)
}
