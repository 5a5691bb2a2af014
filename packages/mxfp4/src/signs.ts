import { hasTensor, type MethodSigns } from '@hfquant/core'

export const signs: readonly MethodSigns[] = [
  { quantMethod: 'mxfp4', recognizes: hasTensor(/\.experts\.\w+_blocks$/) },
]
