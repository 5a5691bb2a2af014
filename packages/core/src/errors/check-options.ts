import { likeliest } from './closest-name.js'
import { ConfigError } from './families.js'
import { quote } from './quote.js'

/**
 * Refuses what is no object, and options that nobody knows: a misspelt one would be left out without a word.
 *
 * @param names all options that there are; undefined where somebody else knows them.
 * @param owner what has the options, for the message: the name of its class.
 * @throws ConfigError OPTIONS_TYPE; OPTION_UNKNOWN with the likeliest name.
 */
export function checkOptions(
  options: unknown,
  names?: readonly string[],
  owner?: string,
): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const whose = owner === undefined ? 'the options' : `the options of ${owner}`
    throw new ConfigError('OPTIONS_TYPE', `${whose} are ${quote(options)}, expected an object`, {
      found: options,
      hint:
        names === undefined
          ? 'Leave them out, or pass an object.'
          : `Pass an object with ${names.join(', ')}.`,
    })
  }
  const unknown = names && Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const nobody = owner === undefined ? 'there is no option' : `${owner} has no option`
  throw new ConfigError('OPTION_UNKNOWN', `${nobody} "${unknown}"`, {
    field: unknown,
    expected: names,
    hint: `${likeliest(unknown, names!)}The options are ${names!.join(', ')}.`,
  })
}
