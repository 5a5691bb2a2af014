import { compilePattern } from '../pattern/compile-pattern.js'

/**
 * A test for the modules that a skip-list entry names, by their paths.
 *
 * An entry matches whole dotted segments: equal, a dotted prefix, a dotted suffix, or a contiguous dotted run
 * ("self_attn", "layers.1", "lm_head"). An entry that begins with "re:" is a regular expression in Python's syntax for
 * the whole path.
 *
 * @param field the field of the configuration that holds the entry, for errors
 * @throws ConfigError PATTERN_INVALID, PATTERN_NOT_OFFERED as `compilePattern` does
 */
export function moduleMatcher(entry: string, field = 'the skip list'): (path: string) => boolean {
  if (!entry.startsWith('re:')) {
    const segments = `.${entry}.`
    return (path) => `.${path}.`.includes(segments)
  }
  const pattern = compilePattern(entry.slice('re:'.length), 'fullmatch', field)
  return (path) => pattern.test(path)
}

/** True when a skip-list entry names the module at `path`; `moduleMatcher` says how, and what is thrown. */
export const matchesModule = (path: string, entry: string): boolean => moduleMatcher(entry)(path)
