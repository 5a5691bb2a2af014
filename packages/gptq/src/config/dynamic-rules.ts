import { ConfigError, compilePattern, type JsonObject, type Pattern } from '@hfquant/core'

/** One entry of `dynamic`: modules that stay in float, or are quantized with other settings. */
export interface DynamicRule {
  /** As it is written, prefix included. */
  readonly pattern: string
  readonly expression: Pick<Pattern, 'test'>
  readonly excludes: boolean
  /** Keys of the configuration that take the place of the general ones. */
  readonly overrides: JsonObject
}

/**
 * Reads `dynamic`. Patterns match from the start of the module path, not to its end; excluding rules go first, as
 * GPTQModel orders them.
 *
 * @throws ConfigError for an entry that is no object, or a pattern that `compilePattern` refuses.
 */
export function readDynamicRules(dynamic: JsonObject): readonly DynamicRule[] {
  const rules = Object.entries(dynamic).map(([pattern, overrides]): DynamicRule => {
    const excludes = pattern.startsWith('-:')
    if (!excludes && (typeof overrides !== 'object' || overrides === null || Array.isArray(overrides))) {
      throw invalid(pattern, overrides, 'an object of settings')
    }
    const source = /^[-+]:/.test(pattern) ? pattern.slice(2) : pattern
    const expression = compilePattern(source, 'match', 'dynamic')
    return { pattern, expression, excludes, overrides: (overrides ?? {}) as JsonObject }
  })
  return [...rules.filter(({ excludes }) => excludes), ...rules.filter(({ excludes }) => !excludes)]
}

/** What GPTQModel does with an output head that no rule speaks of: it is worth more bits than a layer of a block. */
const HEAD_OVERRIDES: JsonObject = { bits: 8, group_size: 32, sym: true, desc_act: false, mse: 2.4 }

/** The rules with one for the output head, at this path, unless there is one already. */
export function withHeadRule(rules: readonly DynamicRule[], head: string): readonly DynamicRule[] {
  if (matchingRule(rules, head) !== undefined) return rules
  const pattern = head.replaceAll('.', '\\.')
  return [...rules, ...readDynamicRules({ [pattern]: HEAD_OVERRIDES })]
}

/** The first rule that matches wins. */
export const matchingRule = (rules: readonly DynamicRule[], path: string): DynamicRule | undefined =>
  rules.find(({ expression }) => expression.test(path))

const invalid = (pattern: string, found: unknown, expected: string): ConfigError =>
  new ConfigError('FIELD_VALUE', `dynamic["${pattern}"] is ${JSON.stringify(found)}, expected ${expected}`, {
    field: 'dynamic',
    found,
    expected,
    hint: 'Patterns are regular expressions for module paths; "-:" in front leaves the modules in float.',
  })
