import type { WeightInfo } from '../contract/format.js'
import { type Embedding, findModule, joinPath, Linear, replaceModule } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell, Tie } from '../shell/shell.js'

/** The module that shares its weight with the one at `path`, if one does. */
export function tiedPartner({ ties }: Shell, path: string): string | undefined {
  const name = joinPath(path, 'weight')
  const pair = ties.find(({ alias, target }) => alias === name || target === name)
  return pair === undefined ? undefined : ownerPath(pair.alias === name ? pair.target : pair.alias)
}

/** The tie through which the module at `path` borrows its weight. */
export const tieOfAlias = ({ ties }: Shell, path: string): Tie | undefined =>
  ties.find(({ alias }) => alias === joinPath(path, 'weight'))

/**
 * Quantizes a module that borrows its weight, once the lender is quantized: both hold the same components, which are
 * stored once, under the lender's name.
 *
 * @returns false when the lender stayed in float.
 */
export function shareComponents(shell: Shell, pair: Tie): boolean {
  const [path, lenderPath] = [ownerPath(pair.alias), ownerPath(pair.target)]
  const lender = findModule(shell.root, lenderPath)
  if (!(lender instanceof QuantizedModule)) return false
  const borrower = findModule(shell.root, path) as Linear | Embedding
  const kind = borrower instanceof Linear ? 'linear' : 'embedding'
  const weight: WeightInfo = { ...lender.weight, path, kind }
  const module = new QuantizedModule(weight, lender.format, borrower)
  for (const { key } of lender.components) module.parameters.set(key, lender.component(key))
  replaceModule(shell.root, path, module)
  const pairs = lender.components.map(({ key }) => ({
    alias: joinPath(path, key),
    target: joinPath(lenderPath, key),
  }))
  shell.ties = [...shell.ties.filter((other) => other !== pair), ...pairs]
  return true
}

const ownerPath = (parameter: string): string => parameter.slice(0, parameter.lastIndexOf('.'))
