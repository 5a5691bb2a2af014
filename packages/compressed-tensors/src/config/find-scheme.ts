import type { WeightInfo } from '@hfquant/core'
import type { Scheme, Target } from './scheme.js'

/** Names of the classes of a weight's module in Python, base class included. */
const CLASSES: Readonly<Record<WeightInfo['kind'], readonly string[]>> = {
  linear: ['Linear', 'Module'],
  embedding: ['Embedding', 'Module'],
}

/**
 * The group of a module: by its path, then by the first pattern in the order of their texts, then by its class. Of groups with
 * equal targets it is the last.
 *
 * @param paths of the module, in the naming of the file and in that of the model.
 */
export function findScheme(
  groups: readonly Scheme[],
  paths: readonly string[],
  kind: WeightInfo['kind'],
): Scheme | undefined {
  const entries = groups.flatMap((scheme) => scheme.targets.map((target) => ({ target, scheme })))
  const last = (matches: (target: Target) => boolean) =>
    entries.findLast(({ target }) => matches(target))?.scheme
  const named = last(({ text }) => paths.includes(text))
  if (named !== undefined) return named
  const [pattern] = entries
    .flatMap(({ target: { text, pattern: own } }) =>
      own && paths.some((path) => own.test(path)) ? [text] : [],
    )
    .sort()
  return pattern === undefined
    ? last(({ text }) => CLASSES[kind].includes(text))
    : last(({ text }) => text === pattern)
}

/**
 * Entries of `ignore` as skip lists have them: a pattern there matches a whole path. Flags at the start hold for all of it.
 */
export const skipEntries = (ignore: readonly string[] | undefined): readonly string[] | undefined =>
  ignore?.map((entry) => {
    if (!entry.startsWith('re:')) return entry
    const [flags = ''] = /^(?:\(\?[a-zA-Z]+\))*/.exec(entry.slice('re:'.length)) ?? []
    return `re:${flags}(?:${entry.slice('re:'.length + flags.length)}).*`
  })
