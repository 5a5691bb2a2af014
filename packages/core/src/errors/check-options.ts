import { closestName } from './closest-name.js'
import { ConfigError } from './families.js'
import { quote } from './quote.js'

/**
 * Refuses what is no object, and options that nobody knows: a misspelt one would be left out without a word.
 *
 * @param names all options that there are; undefined where somebody else knows them.
 * @throws ConfigError OPTIONS_TYPE; OPTION_UNKNOWN with the likeliest name.
 */
export function checkOptions(options: unknown, names?: readonly string[]): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError('OPTIONS_TYPE', `the options are ${quote(options)}, expected an object`, {
      found: options,
      hint:
        names === undefined
          ? 'Leave them out, or pass an object.'
          : `Pass an object with ${names.join(', ')}.`,
    })
  }
  const unknown = names && Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return
  throw new ConfigError('OPTION_UNKNOWN', `there is no option "${unknown}"`, {
    field: unknown,
    expected: names,
    hint: `Did you mean "${closestName(unknown, names!)}"? The options are ${names!.join(', ')}.`,
  })
}
