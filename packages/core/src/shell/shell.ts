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
  /** The same for components of quantized weights; what the method of a model adds. */
  components?: CheckpointMapping
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
  const target = locateParameter(shell, pair.target)
  const alias = locateParameter(shell, pair.alias)
  alias.module.parameters.set(alias.key, target.module.parameters.get(target.key)!)
  shell.ties = [...shell.ties, pair]
}

/** Gives the alias its own parameter again. */
export function untie(shell: Shell, tie: Tie): void {
  const { module, key } = locateParameter(shell, tie.alias)
  const shared = module.parameters.get(key)!
  module.parameters.delete(key)
  module.parameter(key, shared.dtype as FloatDtype, shared.shape)
  shell.ties = shell.ties.filter((other) => other !== tie)
}

/** Where a parameter is. */
export interface ParameterPlace {
  /** Path of the module that holds it; '' for the root. */
  readonly path: string
  readonly module: Module
  /** Its name in the module. */
  readonly key: string
}

/** @throws TypeError for a name below no module: whoever gives it has built the model otherwise. */
export function locateParameter(shell: Shell, name: string): ParameterPlace {
  const cut = name.lastIndexOf('.')
  const path = name.slice(0, Math.max(cut, 0))
  const module = findModule(shell.root, path)
  if (module === undefined) throw new TypeError(`no module holds ${name}`)
  return { path, module, key: name.slice(cut + 1) }
}
