import { ownerPath } from '../shell/join-path.js'
import { findModule, joinPath } from '../shell/module.js'
import { describeWeight, placeQuantized, QuantizedModule, weightOf } from '../shell/quantized-module.js'
import type { Shell, Tie } from '../shell/shell.js'

/** The module that shares its weight with the one at `path`, if one does. */
export function tiedPartner({ ties }: Shell, path: string): string | undefined {
  const name = joinPath(path, 'weight')
  const pair = ties.find(({ alias, target }) => alias === name || target === name)
  return pair === undefined ? undefined : ownerPath(pair.alias === name ? pair.target : pair.alias)
}

/** The tie through which a weight is borrowed, by the name of its tensor. */
export const tieOfAlias = ({ ties }: Shell, tensor: string): Tie | undefined =>
  ties.find(({ alias }) => alias === tensor)

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
  const borrower = weightOf(path, findModule(shell.root, path)!)
  if (borrower === undefined) return false
  const module = new QuantizedModule(describeWeight(borrower), lender.format, borrower)
  for (const { key } of lender.components) module.parameters.set(key, lender.component(key))
  placeQuantized(shell.root, module)
  const pairs = lender.components.map(({ key }) => ({
    alias: joinPath(path, key),
    target: joinPath(lenderPath, key),
  }))
  shell.ties = [...shell.ties.filter((other) => other !== pair), ...pairs]
  return true
}

/** True for a module whose components are those of another one. */
export const isBorrowed = ({ ties }: Shell, { info, components }: QuantizedModule): boolean =>
  components.length > 0 &&
  components.every(({ key }) => ties.some(({ alias }) => alias === joinPath(info.path, key)))
