import { ConfigError } from '@hfquant/core'

/**
 * Characters of all patterns of a config together. Every pattern is matched with every module, in time that grows with both
 * lengths: lists of published models have some hundred characters.
 */
const MAX_CHARACTERS = 20_000

/** @throws ConfigError PATTERN_NOT_OFFERED for patterns that take too long together. */
export function boundPatterns(field: string, entries: readonly string[]): void {
  const total = entries.reduce((sum, entry) => sum + (entry.startsWith('re:') ? entry.length : 0), 0)
  if (total <= MAX_CHARACTERS) return
  throw new ConfigError('PATTERN_NOT_OFFERED', `${field} has patterns of ${total} characters together`, {
    ...{ field, found: total, expected: `at most ${MAX_CHARACTERS}` },
    hint: 'Name the modules by their paths, or by one pattern that fits them all.',
  })
}
