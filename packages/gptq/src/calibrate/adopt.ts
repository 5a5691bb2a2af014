import { type DeferredWeight, replaceModule } from '@hfquant/core'
import { int32s } from '../format/int32s.js'
import { layoutOf, withLayout } from '../format/layout-of.js'
import type { Run } from './run.js'
import { type PackedParts, settledLayout, storeParts } from './store-parts.js'

/** Puts the quantized weight in place: from now on the model computes with what a loader will see. */
export async function adopt(
  { calibration, context }: Pick<Run, 'calibration' | 'context'>,
  { module }: DeferredWeight,
  parts: PackedParts,
): Promise<void> {
  const { path } = module.info
  await storeParts(module, parts)
  const layout = settledLayout(layoutOf(module)!, int32s(parts.get('g_idx')!))
  replaceModule(context.shell.root, path, withLayout(module, layout))
  calibration.settle(path)
}
