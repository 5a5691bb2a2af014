import { hasTensor, type MethodSigns } from '@hfquant/core'

export const signs: readonly MethodSigns[] = [
  {
    quantMethod: 'bitsandbytes',
    claims: (json) => json.load_in_4bit === true || json.load_in_8bit === true,
    recognizes: hasTensor(/\.SCB$|\.quant_state\.bitsandbytes__/),
  },
]
