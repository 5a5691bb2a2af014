import type { FloatDtype } from '../contract/tensor.js'
import type { CheckpointMapping } from './checkpoint-mapping.js'
import { findModule, type Module } from './module.js'

/** A model on the meta device: what it is made of, before any weight is read. */
export interface Shell {
  readonly root: Module
  /** Dtype of the float parameters. */
  readonly dtype: FloatDtype
  /** Name of the base model within the root ("model"); checkpoints of the bare base model lack this prefix. */
  readonly basePrefix: string
  /** Path of the input embedding. */
  readonly inputEmbedding: string
  /** Path of the output projection. */
  readonly outputEmbedding: string
  /** Under which names, and in which parts, a checkpoint keeps tensors that the model has otherwise. */
  readonly checkpoint?: CheckpointMapping
  /** True for tensors of a checkpoint that hold nothing the model reads: nothing is said of them. */
  readonly ignores?: (name: string) => boolean
  /** Pairs of parameter names that share one parameter: `alias` is left out of a saved checkpoint. */
  ties: readonly Tie[]
  /** Ties that config.json says nothing about: they hold for a checkpoint that has the target and not the alias. */
  readonly impliedTies?: readonly Tie[]
}

export interface Tie {
  readonly alias: string
  readonly target: string
}

/** Makes `alias` share the parameter called `target`. */
export function tie(shell: Shell, pair: Tie): void {
  const [target, targetName] = ownerOf(shell, pair.target)
  const [alias, aliasName] = ownerOf(shell, pair.alias)
  alias.parameters.set(aliasName, target.parameters.get(targetName)!)
  shell.ties = [...shell.ties, pair]
}

/** Gives the alias its own parameter again. */
export function untie(shell: Shell, tie: Tie): void {
  const [module, name] = ownerOf(shell, tie.alias)
  const shared = module.parameters.get(name)!
  module.parameters.delete(name)
  module.parameter(name, shared.dtype as FloatDtype, shared.shape)
  shell.ties = shell.ties.filter((other) => other !== tie)
}

/** The module that holds a parameter, and the parameter's name in it. */
function ownerOf(shell: Shell, parameter: string): readonly [Module, string] {
  const cut = parameter.lastIndexOf('.')
  const module = findModule(shell.root, parameter.slice(0, Math.max(cut, 0)))
  if (module === undefined) throw new TypeError(`no module holds ${parameter}`)
  return [module, parameter.slice(cut + 1)]
}
