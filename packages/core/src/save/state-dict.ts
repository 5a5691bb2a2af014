import type { SavedTensor } from '../contract/quantizer.js'
import type { NamedTensor } from '../load/store.js'
import { savedParts } from '../shell/checkpoint-mapping.js'
import { joinPath, walkModules } from '../shell/module.js'
import type { Parameter } from '../shell/parameter.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'

export interface StateEntry extends NamedTensor, SavedTensor {
  readonly parameter: Parameter
}

/** Every tensor of the model under its checkpoint name, in model order; a tied parameter once, under its own name. */
export function stateDict(shell: Shell): readonly StateEntry[] {
  const aliases = new Set(shell.ties.map(({ alias }) => alias))
  const entries: StateEntry[] = []
  for (const [path, module] of walkModules(shell.root)) {
    for (const [key, parameter] of module.parameters) {
      const name = joinPath(path, key)
      if (aliases.has(name)) continue
      const { dtype, shape } = parameter
      const savedAs = savedParts(shell.checkpoint ?? [], name, shape)
      const component = module instanceof QuantizedModule && key !== 'bias'
      const quantized = component ? { quantized: { weight: module.info, format: module.format } } : {}
      entries.push({ name, dtype, shape, parameter, ...quantized, ...(savedAs && { savedAs }) })
    }
  }
  return entries
}
