import type { QuantizedFormat } from '@hfquant/core'
import type { GptqFormat } from './gptq-format.js'
import type { GptqLayout } from './layout.js'

/** The layout of a format, if it is one of this package. */
export const layoutOf = (format: QuantizedFormat): GptqLayout | undefined =>
  'gptqLayout' in format ? (format as GptqFormat).gptqLayout : undefined
