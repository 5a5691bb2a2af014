import { type FloatDtype, Module } from '@hfquant/core/runtime'

/** Puts a parameter at a dotted path below `parent`. */
export function parameterAt(parent: Module, path: string, dtype: FloatDtype, shape: readonly number[]): void {
  const cut = path.lastIndexOf('.')
  const owner = cut < 0 ? parent : ownerAt(parent, path.slice(0, cut).split('.'))
  owner.parameter(path.slice(cut + 1), dtype, shape)
}

/** Puts a module at a dotted path below `parent`. */
export function child<M extends Module>(parent: Module, path: string, module: M): M {
  const names = path.split('.')
  return ownerAt(parent, names.slice(0, -1)).child(names.at(-1)!, module)
}

/** The module at a path; makes what is missing on the way. */
const ownerAt = (parent: Module, names: readonly string[]): Module =>
  names.reduce((at, name) => at.children.get(name) ?? at.child(name, new Module()), parent)
