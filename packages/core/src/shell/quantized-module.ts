import type { Component, QuantizedFormat, WeightInfo } from '../contract/format.js'
import type { FloatDtype } from '../contract/tensor.js'
import { joinPath, Module, replaceModule } from './module.js'
import { Parameter } from './parameter.js'
import type { WeightSlot } from './weight-slot.js'

/** A float weight of a model, and where it is. */
export interface ModelWeight {
  readonly modulePath: string
  readonly module: Module
  readonly slot: WeightSlot
  /** Still on the meta device while the model is planned. */
  readonly parameter: Parameter
}

/** A linear layer or embedding whose weight is held in the components of a format. */
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
    const bias = replaced.module.parameters.get('bias')
    if (bias !== undefined) this.parameters.set('bias', bias)
    else if (format.bias !== undefined) {
      this.parameters.set('bias', new Parameter(format.bias, [info.outFeatures]))
    }
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

/** The float weight of a module; undefined for one without a weight that methods know. */
export function weightOf(modulePath: string, module: Module): ModelWeight | undefined {
  const { slot } = module
  return slot && { modulePath, module, slot, parameter: module.parameters.get('weight')! }
}

/** Name of the tensor that holds a float weight. */
export const tensorName = ({ modulePath }: ModelWeight): string => joinPath(modulePath, 'weight')

/** The weight as a format sees it: [outFeatures, inFeatures], however the model stores it. */
export const describeWeight = ({ modulePath, module, slot, parameter }: ModelWeight): WeightInfo => ({
  ...{ path: modulePath, kind: slot.kind },
  ...{ outFeatures: slot.outFeatures, inFeatures: slot.inFeatures },
  dtype: parameter.dtype as FloatDtype,
  ...(slot.stacked && { stacked: true }),
  ...(module.parameters.has('bias') && { hasBias: true }),
})

/** Puts a quantized module in the place of the float one. */
export const placeQuantized = (root: Module, quantized: QuantizedModule): void =>
  replaceModule(root, quantized.info.path, quantized)

/** Puts the float module back in its place. */
export const placeFloat = (root: Module, { info, replaced }: QuantizedModule): void =>
  replaceModule(root, info.path, replaced.module)
