import type { Component, QuantizedFormat, WeightInfo } from '../contract/format.js'
import { type Conv1D, type Embedding, type Linear, Module } from './module.js'
import { Parameter } from './parameter.js'

/** A linear layer or embedding whose weight is held in the components of a format. */
export class QuantizedModule extends Module {
  readonly components: readonly Component[]

  constructor(
    readonly weight: WeightInfo,
    readonly format: QuantizedFormat,
    /** The float module that this one replaced, still on the meta device. */
    readonly replaced: Linear | Conv1D | Embedding,
  ) {
    super()
    this.components = format.components(weight)
    for (const { key, dtype, shape } of this.components) this.parameters.set(key, new Parameter(dtype, shape))
    const bias = replaced.parameters.get('bias')
    if (bias !== undefined) this.parameters.set('bias', bias)
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
