import { createRequire } from 'node:module'

type Refa = typeof import('refa')

let loaded: Refa | undefined

/** The library of automata; loaded with the first pattern, since loading takes longer than that of all else at a start. */
export function refa(): Refa {
  loaded ??= createRequire(import.meta.url)('refa') as Refa
  return loaded
}
