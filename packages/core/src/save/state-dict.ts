import type { SavedTensor } from '../contract/quantizer.js'
import { isBorrowed } from '../dispatch/quantized-ties.js'
import type { NamedTensor } from '../load/store.js'
import { savedCut, savedParts } from '../shell/checkpoint-mapping.js'
import { joinPath, walkModules } from '../shell/module.js'
import type { Parameter } from '../shell/parameter.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'

export interface StateEntry extends NamedTensor, SavedTensor {
  readonly parameter: Parameter
  /** The quantized weight that the tensor is restored from; `parameter` has no bytes then. */
  readonly restored?: QuantizedModule
}

/**
 * Every tensor of the model under its checkpoint name, in model order; a tied parameter once, under its own name.
 *
 * @param restores true: the float weights that quantized ones stand for, and no components.
 */
export function stateDict(shell: Shell, restores = false): readonly StateEntry[] {
  const aliases = new Set(shell.ties.map(({ alias }) => alias))
  const entries: StateEntry[] = []
  for (const [path, module] of walkModules(shell.root)) {
    const restored = restores && module instanceof QuantizedModule ? module : undefined
    if (restored !== undefined && !isBorrowed(shell, restored)) {
      const { parameter } = restored.replaced
      const { dtype, shape } = parameter
      const savedAs = savedParts(shell.checkpoint ?? [], restored.tensor, shape)
      entries.push({ name: restored.tensor, dtype, shape, parameter, restored, ...(savedAs && { savedAs }) })
    }
    for (const [key, parameter] of module.parameters) {
      const name = joinPath(path, key)
      if (aliases.has(name) || (restored !== undefined && key !== 'bias')) continue
      const { dtype, shape } = parameter
      const savedAs = savedParts(shell.checkpoint ?? [], name, shape)
      const component = module instanceof QuantizedModule && key !== 'bias'
      const quantized = component ? { quantized: { weight: module.info, format: module.format } } : {}
      entries.push({ name, dtype, shape, parameter, ...quantized, ...(savedAs && { savedAs }) })
    }
  }
  return withWholes(entries, shell)
}

/** Tensors that a checkpoint keeps together know of the one that they are kept in. */
function withWholes(
  entries: readonly StateEntry[],
  { checkpoint = [], components = [] }: Shell,
): readonly StateEntry[] {
  const cuts = entries.map(({ name }) => savedCut([...components, ...checkpoint], name))
  const counts = new Map<string, number>()
  for (const cut of cuts) if (cut !== undefined) counts.set(cut.name, (counts.get(cut.name) ?? 0) + 1)
  return entries.map((entry, at) => {
    const cut = cuts[at]
    if (cut === undefined) return entry
    const { name, number, share, shares } = cut
    const [rows = 1, ...rest] = entry.shape
    const shape = [counts.get(name)! / shares, rows * shares, ...rest]
    return { ...entry, savedIn: { name, shape, index: number * shares + share } }
  })
}
