import type { ExpertsChoice } from '../decoder/decoder-config.js'
import type { Routing, RoutingGroups } from '../parts/routing.js'
import { type ConfigReader, invalidField } from './config-reader.js'

/** More experts than any model has in a layer. */
const MAX_EXPERTS = 4096

/**
 * How many experts a layer has, and how many of them a token meets.
 *
 * @param countKeys names of the field with their number.
 * @throws ConfigError FIELD_VALUE for more chosen experts than there are.
 */
export function readRouting(
  read: ConfigReader,
  countKeys: string | readonly string[],
  routing: Omit<Routing, 'chosen'>,
  chosenKey = 'num_experts_per_tok',
): Pick<ExpertsChoice, 'count' | 'routing'> {
  const count = read.size(countKeys, undefined, MAX_EXPERTS)
  const chosen = read.size(chosenKey)
  if (chosen > count) {
    throw invalidField(chosenKey, chosen, `at most the number of experts (${count})`)
  }
  return { count, routing: { chosen, ...routing } }
}

/** Whether layer `index` of a Qwen mixture has experts: those that are not named, every so many. */
export function readSparseLayers(read: ConfigReader): (index: number) => boolean {
  const { mlp_only_layers: listed = [] } = read.json
  const isList = Array.isArray(listed) && listed.every((index) => Number.isInteger(index))
  if (!isList && listed !== null) throw invalidField('mlp_only_layers', listed, 'a list of layers')
  const step = read.size('decoder_sparse_step', 1)
  const dense = new Set((listed ?? []) as readonly number[])
  return (index) => !dense.has(index) && (index + 1) % step === 0
}

/**
 * `n_group` and `topk_group`; undefined where all groups may be chosen.
 *
 * @param count experts.
 */
export function readGroups(
  read: ConfigReader,
  count: number,
  score: RoutingGroups['score'],
): RoutingGroups | undefined {
  const groups = read.size('n_group', 1)
  const chosen = read.size('topk_group', groups)
  const size = count / groups
  if (!Number.isInteger(size) || (score === 'two-best' && size < 2)) {
    throw invalidField('n_group', groups, `a number of groups of equal size of ${count} experts`)
  }
  if (chosen > groups) throw invalidField('topk_group', chosen, `at most n_group (${groups})`)
  return chosen === groups ? undefined : { count: groups, chosen, score }
}
