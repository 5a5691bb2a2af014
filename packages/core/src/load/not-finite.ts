import type { Dtype } from '../contract/tensor.js'
import { CheckpointError } from '../errors/families.js'

/** A float tensor on its way into another dtype, or as it is. */
export interface FloatPassage {
  readonly tensor: string
  readonly file: string
  readonly from: Dtype
  readonly to: Dtype
}

/** Largest finite float16. */
const FLOAT16_MAX = 65_504

/**
 * The refusal of values that would be NaN or infinity where they are going. A model with one of them answers with NaN, or
 * with the same token for ever, and nothing else would say so.
 */
export function notFinite({ tensor, file, from, to }: FloatPassage): CheckpointError {
  const narrows = to === 'float16' && from !== 'float16'
  const held = narrows ? `NaN, infinity or values that float16 cannot hold` : 'NaN or infinity'
  return new CheckpointError('TENSOR_NOT_FINITE', `"${tensor}" in ${file} holds ${held}`, {
    tensor,
    file,
    expected: narrows ? `magnitudes up to ${FLOAT16_MAX}` : 'finite numbers',
    hint: narrows
      ? `Keep the model in bfloat16 (dtype: 'bfloat16', --dtype bfloat16), or repair the checkpoint.`
      : 'Repair the checkpoint, or take another copy of it.',
  })
}
