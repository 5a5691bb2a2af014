import { HfquantError, type LoadedModel, type PlannedModel } from '@hfquant/core/runtime'
import type { LoadModelOptions } from '../open/load-options.js'
import type { OpenedModel } from '../open/open-model.js'
import { withQuantization } from '../open/with-quantization.js'
import { planOpened } from './plan-opened.js'

/** A model as headers alone describe it; what its tensors hold was taken on trust. */
export interface Outline {
  /** With a quantizer of its own: what trust decides does not reach the model that is read. */
  readonly opened: OpenedModel
  /** Its parameters never get bytes. */
  readonly model: LoadedModel
}

/**
 * Undefined for a model that cannot be outlined, or that is calibrated while it loads. A calibration takes minutes to
 * hours, and its result is a checkpoint, which a compiled model cannot give back: save it once, and load that.
 */
export async function outlineModel(
  opened: OpenedModel,
  options: LoadModelOptions,
): Promise<Outline | undefined> {
  const trusting = { ...opened, checkpoint: { ...opened.checkpoint, trusted: true } }
  const sketch = withQuantization(trusting, opened.merged)
  const plan = await planTrusting(sketch, options)
  if (plan === undefined || plan.planned.deferred.length > 0) return undefined
  const { planned: _, ...model } = plan
  return { opened: sketch, model }
}

/** What trust makes of a checkpoint may be refused although the checkpoint is in order: who reads it will tell. */
async function planTrusting(
  sketch: OpenedModel,
  options: LoadModelOptions,
): Promise<PlannedModel | undefined> {
  try {
    return await planOpened(sketch, options)
  } catch (error) {
    if (HfquantError.isInstance(error)) return undefined
    throw error
  }
}
