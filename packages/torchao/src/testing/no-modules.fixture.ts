import type { SelectionOutcome } from '@hfquant/core'

/** Of a model without modules. */
export const noModules: SelectionOutcome = {
  ...{ quantized: [], float: [], kept: [] },
  ...{ isDefault: true, head: 'lm_head' },
}
