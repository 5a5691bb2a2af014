import type { JsonObject } from '../contract/json.js'
import { ownerPath } from '../shell/join-path.js'
import { moduleMatcher } from '../shell/match-module.js'
import { walkModules } from '../shell/module.js'
import type { Shell } from '../shell/shell.js'
import { tiedPartner } from './quantized-ties.js'

export interface SkipList {
  readonly entries: readonly SkipEntry[]
  /** Entries of the user's list that name no module of the model. */
  readonly unmatched: readonly string[]
}

interface SkipEntry {
  readonly entry: string
  readonly reason: string
  readonly matches: (path: string) => boolean
}

/**
 * Modules that every method leaves in float unless told otherwise: the output projection, and both ends of a tie. A
 * method that includes the embeddings takes input and output embedding off the list.
 */
function defaultSkips(shell: Shell, includesEmbeddings: boolean): readonly Omit<SkipEntry, 'matches'>[] {
  const tied = shell.ties.flatMap(({ alias, target }) => [
    { entry: ownerPath(alias), reason: `shares its weight with ${ownerPath(target)}` },
    { entry: ownerPath(target), reason: `shares its weight with ${ownerPath(alias)}` },
  ])
  const head = { entry: shell.outputEmbedding, reason: 'is the output projection, kept in float by default' }
  const entries = tied.some(({ entry }) => entry === head.entry) ? tied : [...tied, head]
  const included = includesEmbeddings ? [shell.inputEmbedding, shell.outputEmbedding] : []
  return entries.filter(({ entry }) => !included.includes(entry))
}

export interface SkipRequest {
  /** The user's list; undefined means the defaults alone. */
  readonly user: readonly string[] | undefined
  /** True when the user's list takes the place of the defaults instead of adding to them. */
  readonly replace: boolean
  readonly includesEmbeddings: boolean
  /** The field that holds the user's list, for errors. */
  readonly field: string
}

/**
 * The skip list of a model: the defaults, and what the user adds to them or puts in their place.
 *
 * @throws ConfigError PATTERN_INVALID, PATTERN_NOT_OFFERED
 */
export function resolveSkips(shell: Shell, request: SkipRequest): SkipList {
  const { user = [], includesEmbeddings, field } = request
  const defaults =
    request.replace && request.user !== undefined ? [] : defaultSkips(shell, includesEmbeddings)
  const paths = [...walkModules(shell.root)].map(([path]) => path)
  const named = user.map((entry) => ({
    entry,
    reason: `is named by the skip list ("${entry}")`,
    matches: entryMatcher(shell, entry, field),
  }))
  return {
    entries: [
      ...defaults.map((skip) => ({ ...skip, matches: moduleMatcher(skip.entry) })),
      ...named.filter(({ entry }) => !defaults.some((known) => known.entry === entry)),
    ],
    unmatched: named.filter(({ matches }) => !paths.some(matches)).map(({ entry }) => entry),
  }
}

/** transformers calls the output projection of every causal model "lm_head", and its lists do, whatever its files say. */
function entryMatcher(shell: Shell, entry: string, field: string): (path: string) => boolean {
  const matches = moduleMatcher(entry, field)
  return entry === 'lm_head' ? (path) => path === shell.outputEmbedding || matches(path) : matches
}

/** Why a module is on the list, or undefined. */
export const skipReason = (list: SkipList, path: string): string | undefined =>
  list.entries.find(({ matches }) => matches(path))?.reason

/** The paths of the linear weights that the list names, to be saved in its place. */
export const skippedLinears = (shell: Shell, list: SkipList): readonly string[] =>
  [...walkModules(shell.root)]
    .filter(([path, { slot }]) => slot?.kind === 'linear' && skipReason(list, path) !== undefined)
    .map(([path]) => path)

/** Why a module is on the skip list: it is named, or the module that it shares its weight with. */
export function listedReason(shell: Shell, skips: SkipList, path: string): string | undefined {
  const partner = tiedPartner(shell, path)
  const named = skipReason(skips, path)
  if (named !== undefined || partner === undefined || skipReason(skips, partner) === undefined) return named
  return `shares its weight with ${partner}, which stays in float`
}

/** The key under which a method keeps its skip list. */
export function listField(list: readonly string[] | undefined, json: JsonObject): string {
  const isList = (value: unknown) => JSON.stringify(value) === JSON.stringify(list)
  return Object.keys(json).find((key) => isList(json[key])) ?? 'the skip list'
}
