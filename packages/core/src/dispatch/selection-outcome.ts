import type { SelectionOutcome } from '../contract/definition.js'
import { findModule } from '../shell/module.js'
import type { ModelWeight } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import type { PlacedFormats } from './place-formats.js'
import { type SkipList, skippedLinears } from './skip-list.js'

/** What was decided of the weights of a model. */
export interface Decisions extends Pick<PlacedFormats, 'quantized' | 'skipped' | 'kept'> {
  readonly shell: Shell
  readonly skips: SkipList
  /** True when the config has a list of its own. */
  readonly hasList: boolean
  /** Weights that were looked at. */
  readonly candidates: readonly ModelWeight[]
}

/** The same as a config is saved with. */
export function outcomeOf(decisions: Decisions): SelectionOutcome {
  const { shell, skips, hasList, candidates, quantized, skipped, kept } = decisions
  const stacked = candidates.filter(({ slot }) => slot.stacked).map(({ modulePath }) => modulePath)
  // Modules that stay in float though no list names them: Python would look for quantized ones.
  const others = [
    ...kept.map(({ module }) => module),
    ...stacked.filter((path) => skipped.some(({ module }) => module === path)),
  ]
  return {
    quantized,
    float: [...skipped, ...kept].map(({ module }) => module),
    kept: [...new Set([...skippedLinears(shell, skips), ...others.map((path) => nameInList(shell, path))])],
    isDefault: !hasList && others.length === 0,
    head: shell.outputEmbedding,
  }
}

/** Weights that are one tensor belong to one module in Python: "mlp.experts.3.down_proj" to "mlp.experts". */
const nameInList = (shell: Shell, path: string): string =>
  findModule(shell.root, path)?.slot?.stacked ? path.replace(/\.\d+\.[^.]+$/, '') : path
