/**
 * True when a skip-list entry names the module at `path`.
 *
 * An entry matches whole dotted segments: equal, a dotted prefix, a dotted suffix, or a contiguous dotted run
 * ("self_attn", "layers.1", "lm_head"). An entry that begins with "re:" is a regular expression for the whole path.
 */
export function matchesModule(path: string, entry: string): boolean {
  if (entry.startsWith('re:')) return new RegExp(`^(?:${entry.slice(3)})$`).test(path)
  return `.${path}.`.includes(`.${entry}.`)
}
