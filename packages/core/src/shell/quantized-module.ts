import type { Component, QuantizedFormat, WeightInfo } from '../contract/format.js'
import type { FloatDtype } from '../contract/tensor.js'
import { findModule, joinPath, Module, replaceModule } from './module.js'
import { Parameter } from './parameter.js'
import { isWholeModule, rowsOfSlot, type WeightSlot, weightPath } from './weight-slot.js'

/** A float weight of a model, and where it is. */
export interface ModelWeight {
  readonly modulePath: string
  readonly module: Module
  readonly slot: WeightSlot
  /** Still on the meta device while the model is planned. */
  readonly parameter: Parameter
}

/** A weight held in the components of a format: a whole linear layer or embedding, or one weight of a larger module. */
export class QuantizedModule extends Module {
  readonly components: readonly Component[]

  constructor(
    readonly info: WeightInfo,
    readonly format: QuantizedFormat,
    /** The float weight that this module stands for. */
    readonly replaced: ModelWeight,
  ) {
    super()
    this.components = format.components(info)
    for (const { key, dtype, shape } of this.components) {
      this.parameters.set(key, new Parameter(dtype, shape, true))
    }
    const bias = isWholeModule(replaced.slot) ? replaced.module.parameters.get('bias') : undefined
    if (bias !== undefined) this.parameters.set('bias', bias)
  }

  /** Name of the float tensor. */
  get tensor(): string {
    return tensorName(this.replaced)
  }

  get bias(): Parameter | undefined {
    return this.parameters.get('bias')
  }

  component(key: string): Parameter {
    const parameter = this.parameters.get(key)
    if (parameter === undefined) throw new TypeError(`${this.format.name} has no component "${key}"`)
    return parameter
  }
}

/** Every float weight that a module owns itself. */
export const weightsOf = (modulePath: string, module: Module): readonly ModelWeight[] =>
  module.weights().map((slot) => ({ modulePath, module, slot, parameter: module.parameters.get(slot.key)! }))

/** Name of the tensor that holds a float weight. */
export const tensorName = ({ modulePath, slot }: ModelWeight): string => joinPath(modulePath, slot.key)

/** The weight as a format sees it: [rows of all matrices, inFeatures], however the model stores it. */
export function describeWeight({ modulePath, slot, parameter }: ModelWeight): WeightInfo {
  const { kind, matrices, inFeatures } = slot
  const path = weightPath(modulePath, slot)
  const dtype = parameter.dtype as FloatDtype
  const info = { path, kind, outFeatures: rowsOfSlot(slot), inFeatures, dtype }
  return kind === 'experts' ? { ...info, matrices } : info
}

/** Puts a quantized weight in the place of the float one: of its module, or of one parameter among several. */
export function placeQuantized(root: Module, quantized: QuantizedModule): void {
  const { module, slot } = quantized.replaced
  if (!isWholeModule(slot)) {
    module.parameters.delete(slot.key)
    module.children.set(slot.key, quantized)
    return
  }
  replaceModule(root, quantized.info.path, quantized)
}

/** Puts the float weight back in its place. */
export function placeFloat(root: Module, { info, replaced }: QuantizedModule): void {
  const { module, modulePath, slot, parameter } = replaced
  if (isWholeModule(slot)) {
    replaceModule(root, info.path, module)
    return
  }
  const owner = findModule(root, modulePath)!
  owner.children.delete(slot.key)
  owner.parameters.set(slot.key, parameter)
}
