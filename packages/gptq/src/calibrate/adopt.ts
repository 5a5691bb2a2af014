import { type DeferredWeight, replaceModule } from '@hfquant/core'
import { layoutOf, withLayout } from '../format/layout-of.js'
import type { Run } from './run.js'
import { type PackedParts, settledLayout, storeParts } from './store-parts.js'

/** Puts the quantized weight in place: from now on the model computes with what a loader will see. */
export async function adopt(
  { calibration, context }: Pick<Run, 'calibration' | 'context'>,
  { module }: DeferredWeight,
  parts: PackedParts,
): Promise<void> {
  const { path } = module.weight
  await storeParts(module, parts)
  const groups = parts.get('g_idx')!
  const groupOf = new Int32Array(groups.buffer, groups.byteOffset, groups.byteLength / 4)
  const layout = settledLayout(layoutOf(module)!, groupOf)
  replaceModule(context.shell.root, path, withLayout(module, layout))
  calibration.settle(path)
}
