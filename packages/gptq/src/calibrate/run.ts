import type { Calibration, DeferredWeight, PostprocessContext } from '@hfquant/core'
import type { GptqSettings } from '../config/settings.js'
import type { Batch } from './batches.js'
import type { HiddenStore } from './hidden-store.js'
import type { ModuleFigures } from './quantize-group.js'
import type { ScratchArrays } from './scratch-arrays.js'
import type { Stopwatch } from './stopwatch.js'
import type { PackedParts } from './store-parts.js'

/** What a calibration works with. */
export interface Run {
  readonly settings: GptqSettings
  readonly context: PostprocessContext
  readonly calibration: Calibration
  readonly batches: readonly Batch[]
  /** Batches that still count: those with values that are not finite are left out from there on. */
  readonly live: Set<number>
  /** Tokens of all batches. */
  readonly tokens: number
  readonly hidden: HiddenStore
  readonly scratch: ScratchArrays
  readonly weights: ReadonlyMap<string, DeferredWeight>
  readonly report: (weight: DeferredWeight, figures: ModuleFigures | undefined) => void
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
