import { hasTensor, type MethodSigns } from '@hfquant/core'

export const signs: readonly MethodSigns[] = [
  { quantMethod: 'fp8', recognizes: hasTensor(/\.weight_scale_inv$/) },
  { quantMethod: 'fbgemm_fp8', recognizes: hasTensor(/\.input_scale_ub$/) },
]
