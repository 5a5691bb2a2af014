import { AutoQuantizer, type MergedQuantization } from '@hfquant/core/runtime'
import type { OpenedModel } from './open-model.js'

/**
 * An opened model as it would have been opened with a configuration, or without one: nothing is decided about its
 * weights yet.
 *
 * @param dtypeIsNamed false when the dtype of the model was not asked for: a method then may choose another one.
 */
export function withQuantization(
  opened: Omit<OpenedModel, 'merged' | 'quantizer'>,
  merged: MergedQuantization | undefined,
  dtypeIsNamed = true,
): OpenedModel {
  const quantizer = merged && AutoQuantizer.create(merged)
  const dtype = quantizer?.updateDtype(opened.dtype, dtypeIsNamed) ?? opened.dtype
  return { ...opened, merged, quantizer, dtype }
}
