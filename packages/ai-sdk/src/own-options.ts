import { InvalidArgumentError } from '@ai-sdk/provider'
import type { ProviderOptions } from './call-options.js'

/** What options and errors of this provider are found under. */
export const PROVIDER = 'hfquant'

/**
 * The options of a call that are meant for this provider.
 *
 * @throws InvalidArgumentError for a name that is none of `names`.
 */
export function readOwnOptions<Options extends object>(
  providerOptions: ProviderOptions | undefined,
  names: readonly (keyof Options & string)[],
): Options {
  const options = providerOptions?.[PROVIDER] ?? {}
  const unknown = Object.keys(options).find((name) => !(names as readonly string[]).includes(name))
  if (unknown === undefined) return options as Options
  throw new InvalidArgumentError({
    argument: `providerOptions.${PROVIDER}.${unknown}`,
    message: `There is no option "${unknown}" of ${PROVIDER}. The options are ${names.join(', ')}.`,
  })
}
