import { ConfigError } from '../errors/families.js'

/**
 * True when a skip-list entry names the module at `path`.
 *
 * An entry matches whole dotted segments: equal, a dotted prefix, a dotted suffix, or a contiguous dotted run
 * ("self_attn", "layers.1", "lm_head"). An entry that begins with "re:" is a regular expression for the whole path.
 *
 * @throws ConfigError PATTERN_INVALID
 */
export function matchesModule(path: string, entry: string): boolean {
  if (entry.startsWith('re:')) return fullMatch(entry).test(path)
  return `.${path}.`.includes(`.${entry}.`)
}

function fullMatch(entry: string): RegExp {
  try {
    return new RegExp(`^(?:${entry.slice(3)})$`)
  } catch (cause) {
    throw new ConfigError('PATTERN_INVALID', `"${entry}" is not a regular expression`, {
      found: entry,
      hint: 'Correct the expression, or leave out "re:" to name a module.',
      cause,
    })
  }
}
