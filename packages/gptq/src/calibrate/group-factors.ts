import { triangleRoom } from '@hfquant/calibrate'
import type { WaitingWeight } from '@hfquant/core'
import { settingsFor } from '../config/read-settings.js'
import { layoutOf } from '../format/layout-of.js'
import { type ColumnOrder, columnOrder } from './column-order.js'
import { type Factor, factorize } from './factorize.js'
import type { Hessian } from './hessian.js'
import type { GroupContext } from './quantize-group.js'

/** The order of a module's columns and the factor in that order; undefined when the Hessian has none. */
export type GroupFactors = (
  weight: WaitingWeight,
) => Promise<{ readonly columns: ColumnOrder; readonly factor: Factor } | undefined>

/**
 * Factors for modules that share a Hessian. They mostly have the same settings and so the same factor, which then takes
 * the place of the Hessian; otherwise there is one at a time beside it.
 */
export function createGroupFactors(
  weights: readonly WaitingWeight[],
  hessian: Hessian,
  context: GroupContext,
): GroupFactors {
  const { settings, scratch, stopwatch, pool, signal } = context
  const plans = new Map(weights.map((weight) => [weight, planFor(weight, context)]))
  const isShared = new Set([...plans.values()].map(({ key }) => key)).size === 1
  const target = isShared ? hessian.values : triangleRoom(scratch, 'factor', hessian.size)
  let last: { readonly key: string; readonly made: Awaited<ReturnType<GroupFactors>> } | undefined
  return async (weight) => {
    const { key, rules, dampPercent } = plans.get(weight)!
    if (last?.key === key) return last.made
    const columns = columnOrder(hessian.diagonal, rules)
    const damping = { dampPercent, dampAutoIncrement: settings.dampAutoIncrement }
    const factor = await stopwatch.measure('factorization', () =>
      factorize(hessian, columns, { target, rules: damping, pool, signal }),
    )
    last = { key, made: factor === undefined ? undefined : { columns, factor } }
    return last.made
  }
}

/** What the factor of a module depends on. */
function planFor({ info, format }: WaitingWeight, { settings }: GroupContext) {
  const { descAct, actGroupAware, staticGroups, dampPercent, ...own } = settingsFor(settings, info.path)!
  const { groupSize } = layoutOf(format)!
  const rules = { groupSize, ungrouped: own.groupSize === -1, descAct, actGroupAware, staticGroups }
  return { key: JSON.stringify([rules, dampPercent]), rules, dampPercent }
}
