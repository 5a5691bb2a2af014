import { QuantizedModule } from '@hfquant/core'
import { type GptqFormat, gptqFormat } from './gptq-format.js'
import type { GptqLayout } from './layout.js'

/** The layout of a module that this package quantized or loaded. */
export const layoutOf = ({ format }: QuantizedModule): GptqLayout | undefined =>
  'gptqLayout' in format ? (format as GptqFormat).gptqLayout : undefined

/** The same weight in the same place, read in another way. */
export function withLayout(module: QuantizedModule, layout: GptqLayout): QuantizedModule {
  const changed = new QuantizedModule(module.info, gptqFormat({ layout }), module.replaced)
  for (const [key, parameter] of module.parameters) changed.parameters.set(key, parameter)
  return changed
}
