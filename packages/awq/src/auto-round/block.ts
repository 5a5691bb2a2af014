import type { JsonObject } from '@hfquant/core'

/** True for a block of AutoRound, whatever its tensors are. */
export const isAutoRound = ({ quant_method: method }: JsonObject): boolean =>
  method === 'auto-round' || method === 'intel/auto-round'

/** The packing of AutoRound that has the tensors of AWQ, version gemm. */
export const PACKING = 'auto_round:auto_awq'
