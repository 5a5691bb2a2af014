import type { Calibration, CalibrationContext, WaitingWeight } from '@hfquant/core'
import type { Batch } from './batches.js'
import type { CalibrationMethod, MadeWeight, PackedParts } from './calibration-method.js'
import type { HiddenStore } from './hidden-store.js'
import type { ScratchArrays } from './scratch-arrays.js'
import type { Stopwatch } from './stopwatch.js'

/** What a calibration works with. */
export interface Run {
  readonly method: CalibrationMethod
  readonly context: CalibrationContext
  readonly model: Calibration
  readonly batches: readonly Batch[]
  /** Batches that still count: those with values that are not finite are left out from there on. */
  readonly live: Set<number>
  /** Tokens of all batches. */
  readonly tokens: number
  readonly hidden: HiddenStore
  readonly scratch: ScratchArrays
  readonly weights: ReadonlyMap<string, WaitingWeight>
  readonly stopwatch: Stopwatch
}

/** What was made of a block. */
export interface MadeBlock {
  /** Packed tensors by module path and component. */
  readonly parts: Map<string, PackedParts>
  readonly warnings: string[]
  /** Modules that could not be calibrated, and why. */
  readonly rounded: { readonly path: string; readonly reason: string }[]
  /** Batches that were left out from this block on. */
  readonly dropped: number[]
}

/** Puts a weight in place: from now on the model computes with what a loader will see. */
export async function putInPlace(
  { method, context, stopwatch }: Run,
  { weight, parts, figures }: Omit<MadeWeight, 'rounded'>,
): Promise<void> {
  await weight.settle(parts, method.formatOf(weight, parts))
  context.progress(weight, { seconds: stopwatch.take(), ...figures })
}
