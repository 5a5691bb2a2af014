import type { CheckpointRule } from '@hfquant/core/runtime'

/**
 * AWQ has scales that divide what an activation function gives where no weight before it could be divided. Files keep them
 * below the function, and the model has them beside the weight that they are for.
 *
 * @param activation name of the function in a layer: "mlp.act".
 * @param next name of the weight behind it: "mlp.dense_4h_to_h".
 */
export const scaledActivation = (activation: string, next: string): CheckpointRule => ({
  from: `${activation}.scales`,
  to: `${next}.act_scales`,
  part: 'rows 1/1',
})
