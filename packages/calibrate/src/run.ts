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
  /** Values of float tensors that were changed, by their names. */
  readonly floats: Map<string, Float32Array>
  readonly warnings: string[]
  /** Modules that could not be calibrated, and why. */
  readonly rounded: { readonly path: string; readonly reason: string }[]
  /** Batches that were left out from this block on. */
  readonly dropped: number[]
}

/** Takes over what a method made of a weight. */
export async function keep(
  run: Run,
  { rounded: reason, ...own }: MadeWeight,
  made: MadeBlock,
): Promise<void> {
  const { path } = own.weight.info
  if (reason !== undefined) made.rounded.push({ path, reason })
  made.parts.set(path, own.parts)
  await putInPlace(run, own)
}

/** Puts a weight in place: from now on the model computes with what a loader will see. */
export async function putInPlace(
  { method, context, stopwatch }: Run,
  { weight, parts, figures }: Omit<MadeWeight, 'rounded'>,
): Promise<void> {
  await weight.settle(parts, method.formatOf(weight, parts))
  context.progress(weight, { seconds: stopwatch.take(), ...figures })
}

/** Says which modules of a block were rounded, those of one owner together: an expert that no token met is one of many. */
export function warnOfRounded(run: Run, made: MadeBlock): void {
  const groups = new Map<string, string[]>()
  for (const { path, reason } of made.rounded) {
    const key = JSON.stringify([path.slice(0, path.lastIndexOf('.')), reason])
    groups.set(key, [...(groups.get(key) ?? []), path])
  }
  for (const [key, paths] of groups) {
    const [, reason] = JSON.parse(key) as [string, string]
    const verb = paths.length > 1 ? 'were' : 'was'
    warn(run, made, `${paths.join(', ')} ${verb} rounded to nearest instead of calibrated: ${reason}`)
  }
}

/** Warnings of a block are said again when a later run takes the block over. */
export function warn({ context }: Run, made: MadeBlock, message: string): void {
  made.warnings.push(message)
  context.warn(message)
}
