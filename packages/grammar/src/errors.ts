import { ConfigError } from '@hfquant/core/errors'

/**
 * A grammar that cannot be offered. Codes: SCHEMA_UNSUPPORTED (the schema says something that is not offered, or that
 * nothing satisfies), PATTERN_UNSUPPORTED (the same of a regular expression), GRAMMAR_TOO_COMPLEX, GRAMMAR_INVALID (no
 * grammar at all), GRAMMAR_STUCK (no token of the vocabulary goes on). `field` is the place, in a schema as a JSON pointer that begins with `#`.
 */
export class GrammarError extends ConfigError {
  static override readonly family: string = 'hfquant.config.grammar'
}

/** What a grammar has too much of. */
export function tooComplex(what: string, field: string | undefined, hint: string): GrammarError {
  return new GrammarError('GRAMMAR_TOO_COMPLEX', what, { field, hint })
}
