import { type LevelTools, type MadeWeight, readWeight } from '@hfquant/calibrate'
import { RuntimeError, type WaitingWeight } from '@hfquant/core'
import { settingsFor } from '../config/read-settings.js'
import type { GptqSettings } from '../config/settings.js'
import { gridRules } from '../format/choose-format.js'
import { layoutOf } from '../format/layout-of.js'
import { createGroupFactors, type GroupFactors } from './group-factors.js'
import type { Hessian } from './hessian.js'
import { packParts } from './pack-parts.js'
import { type ColumnsRequest, quantizeColumns, roundRows } from './quantize-columns.js'
import { energyOf, relativeError } from './relative-error.js'

export interface GroupContext extends Pick<LevelTools, 'pool' | 'signal' | 'scratch' | 'stopwatch'> {
  readonly settings: GptqSettings
}

/**
 * Quantizes modules that share a Hessian, one after the other.
 *
 * @param hessian is used up; in its place, why there is none: then the modules are rounded to nearest.
 * @throws RuntimeError CALIBRATION_FAILED instead of rounding with `fallback: 'error'`; CheckpointError TENSOR_NOT_FINITE.
 */
export async function* quantizeGroup(
  weights: readonly WaitingWeight[],
  hessian: Hessian | string,
  context: GroupContext,
): AsyncGenerator<MadeWeight> {
  const energies = typeof hessian === 'string' ? [] : await measureEnergies(weights, hessian, context)
  const factors = typeof hessian === 'string' ? undefined : createGroupFactors(weights, hessian, context)
  for (const [index, weight] of weights.entries()) {
    context.signal?.throwIfAborted()
    const made =
      typeof hessian === 'string'
        ? hessian
        : await calibrateModule(weight, hessian, factors!, energies[index]!, context)
    yield typeof made === 'string' ? await roundModule(weight, made, context) : made
  }
}

/** tr(W·H·Wᵀ) of every weight, before the factor takes the place of the Hessian. */
async function measureEnergies(
  weights: readonly WaitingWeight[],
  hessian: Hessian,
  context: GroupContext,
): Promise<readonly number[]> {
  const energies: number[] = []
  for (const weight of weights) {
    const values = await read(weight, context)
    energies.push(await context.stopwatch.measure('columns', () => energyOf(values, hessian, context)))
  }
  return energies
}

/** @returns why the module has to be rounded instead. */
async function calibrateModule(
  weight: WaitingWeight,
  hessian: Hessian,
  factors: GroupFactors,
  energy: number,
  context: GroupContext,
): Promise<MadeWeight | string> {
  const made = await factors(weight)
  if (made === undefined)
    return 'the Hessian of its inputs is not positive definite, however much it is damped'
  const request = await requestFor(weight, context)
  const quantized = await context.stopwatch.measure('columns', () =>
    quantizeColumns(request, made.columns, made.factor, hessian.dead),
  )
  const { loss } = quantized
  if (!Number.isFinite(loss)) return 'its loss is not finite'
  const original = await read(weight, context)
  return context.stopwatch.measure('javascript', async () => {
    const { layout } = request
    const known = { dead: hessian.dead, damping: made.factor.damping, energy }
    const figures = { loss, relativeError: relativeError(original, quantized, layout, known) }
    return { weight, parts: packParts(weight, quantized, layout), figures, rounded: undefined }
  })
}

async function roundModule(
  weight: WaitingWeight,
  reason: string,
  context: GroupContext,
): Promise<MadeWeight> {
  const { info, tensor } = weight
  const { path } = info
  if (context.settings.fallback === 'error') {
    throw new RuntimeError('CALIBRATION_FAILED', `${path} cannot be calibrated: ${reason}`, {
      module: path,
      tensor,
      found: reason,
      expected: 'a positive definite Hessian',
      hint: "Use more and more varied calibration text, a larger damp_percent, or fallback: 'rtn'.",
    })
  }
  const request = await requestFor(weight, context)
  const parts = packParts(weight, await roundRows(request), request.layout)
  return { weight, parts, figures: undefined, rounded: reason }
}

async function requestFor(weight: WaitingWeight, context: GroupContext): Promise<ColumnsRequest> {
  const { settings, scratch, pool, signal } = context
  const rules = gridRules(settingsFor(settings, weight.info.path)!, settings)
  return {
    weight: await read(weight, context),
    layout: layoutOf(weight.format)!,
    rules,
    scratch,
    pool,
    signal,
  }
}

const read = (weight: WaitingWeight, context: GroupContext) =>
  context.stopwatch.measure('javascript', () => readWeight(weight, context.scratch, context))
