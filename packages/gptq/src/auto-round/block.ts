import type { JsonObject } from '@hfquant/core'

const METHODS: readonly unknown[] = ['auto-round', 'intel/auto-round']

/** True for a block of AutoRound: its models have the tensors of other methods. */
export const isAutoRound = ({ quant_method: method }: JsonObject): boolean => METHODS.includes(method)

/** How a model of AutoRound is packed; transformers takes it for this where the block does not say so. */
export const packingOf = ({ packing_format: packing }: JsonObject): unknown =>
  packing ?? 'auto_round:auto_gptq'
