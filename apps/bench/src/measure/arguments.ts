/** The parts of an option with several values, separated by commas. */
export const listed = (text: string): string[] => text.split(',').filter((item) => item !== '')

/** @throws TypeError naming the option. */
export function wholeNumber(option: string, text: string, least = 1): number {
  if (/^\d+$/.test(text) && Number(text) >= least) return Number(text)
  throw new TypeError(`--${option} is ${text}, expected a whole number of at least ${least}`)
}

/** @throws TypeError for a name that is none of `known`, and where there is no name. */
export function someOf<Name extends string>(
  option: string,
  text: string,
  known: readonly Name[],
): readonly Name[] {
  const names = listed(text)
  const stranger =
    names.length === 0 ? text : names.find((name) => !(known as readonly string[]).includes(name))
  if (stranger === undefined) return names as Name[]
  throw new TypeError(`--${option} has "${stranger}", expected some of ${known.join(', ')}`)
}
