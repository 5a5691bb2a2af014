/** What `(?imx)` sets. */
export interface Flags {
  readonly ignoreCase: boolean
  readonly dotAll: boolean
  readonly extended: boolean
}

/** `(?on-off)`; a letter that is in both is on. */
export function withFlags(flags: Flags, on: string, off: string): Flags {
  const value = (letter: string, before: boolean) =>
    on.includes(letter) ? true : before && !off.includes(letter)
  return {
    ignoreCase: value('i', flags.ignoreCase),
    dotAll: value('m', flags.dotAll),
    extended: value('x', flags.extended),
  }
}
