import type { FloatDtype } from '../contract/tensor.js'
import { joinPath } from './join-path.js'
import { Parameter } from './parameter.js'
import type { WeightSlot } from './weight-slot.js'

export { joinPath }

/**
 * A node of the model's tree: named children and parameters, and no arithmetic. Names are those of the checkpoint, so
 * a checkpoint key is a path in the tree.
 */
export class Module {
  readonly children = new Map<string, Module>()
  readonly parameters = new Map<string, Parameter>()

  /** Adds a child and returns it. */
  child<M extends Module>(name: string, module: M): M {
    this.children.set(name, module)
    return module
  }

  /** Adds a parameter on the meta device and returns it. */
  parameter(name: string, dtype: FloatDtype, shape: readonly number[]): Parameter {
    const parameter = new Parameter(dtype, shape)
    this.parameters.set(name, parameter)
    return parameter
  }

  /** The weight of this module itself, where it is one that methods know. */
  get slot(): WeightSlot | undefined {
    return undefined
  }
}

const matrix = (
  kind: 'linear' | 'embedding',
  outFeatures: number,
  inFeatures: number,
  more: Partial<WeightSlot> = {},
): WeightSlot => ({
  ...{ kind, outFeatures, inFeatures, stored: 'out-in', quantizable: true, stacked: false },
  ...more,
})

export interface LinearOptions {
  readonly bias?: boolean
  /** False for a layer that stays in float whatever the method, such as a router: a flipped choice is no small error. */
  readonly quantizable?: boolean
  /** True for one of the layers whose weights a file keeps in one tensor. */
  readonly stacked?: boolean
}

/** y = x·Wᵀ + b. `weight` [outFeatures, inFeatures], `bias` [outFeatures]. */
export class Linear extends Module {
  readonly #use: Pick<WeightSlot, 'quantizable' | 'stacked'>

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    dtype: FloatDtype,
    { bias = false, quantizable = true, stacked = false }: LinearOptions = {},
  ) {
    super()
    this.#use = { quantizable, stacked }
    this.parameter('weight', dtype, [outFeatures, inFeatures])
    if (bias) this.parameter('bias', dtype, [outFeatures])
  }

  override get slot(): WeightSlot {
    return matrix('linear', this.outFeatures, this.inFeatures, this.#use)
  }

  get weight(): Parameter {
    return this.parameters.get('weight')!
  }

  get bias(): Parameter | undefined {
    return this.parameters.get('bias')
  }
}

/** y = x·W + b, as GPT-2 stores it. `weight` [inFeatures, outFeatures], `bias` [outFeatures]. */
export class Conv1D extends Module {
  readonly #use: Pick<WeightSlot, 'quantizable' | 'stacked'>

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    dtype: FloatDtype,
    { quantizable = true, stacked = false }: Omit<LinearOptions, 'bias'> = {},
  ) {
    super()
    this.#use = { quantizable, stacked }
    this.parameter('weight', dtype, [inFeatures, outFeatures])
    this.parameter('bias', dtype, [outFeatures])
  }

  override get slot(): WeightSlot {
    return matrix('linear', this.outFeatures, this.inFeatures, { stored: 'in-out', ...this.#use })
  }

  get weight(): Parameter {
    return this.parameters.get('weight')!
  }

  get bias(): Parameter {
    return this.parameters.get('bias')!
  }
}

/** Rows of a table by index. `weight` [count, size]. */
export class Embedding extends Module {
  constructor(
    readonly count: number,
    readonly size: number,
    dtype: FloatDtype,
  ) {
    super()
    this.parameter('weight', dtype, [count, size])
  }

  override get slot(): WeightSlot {
    return matrix('embedding', this.count, this.size)
  }

  get weight(): Parameter {
    return this.parameters.get('weight')!
  }
}

/** Every module below `root`, itself included, with its path, parents first, in the order of definition. */
export function* walkModules(root: Module, path = ''): Generator<readonly [path: string, module: Module]> {
  yield [path, root]
  for (const [name, child] of root.children) yield* walkModules(child, joinPath(path, name))
}

/** Every parameter below `root` with its full name. A tied parameter appears under each of its names. */
export function* walkParameters(root: Module): Generator<readonly [name: string, parameter: Parameter]> {
  for (const [path, module] of walkModules(root)) {
    for (const [name, parameter] of module.parameters) yield [joinPath(path, name), parameter]
  }
}

/** Puts `module` in the place of the one at `path`. */
export function replaceModule(root: Module, path: string, module: Module): void {
  const cut = path.lastIndexOf('.')
  const parent = cut < 0 ? root : findModule(root, path.slice(0, cut))
  parent?.children.set(path.slice(cut + 1), module)
}

export function findModule(root: Module, path: string): Module | undefined {
  let found: Module | undefined = root
  for (const name of path === '' ? [] : path.split('.')) found = found?.children.get(name)
  return found
}
