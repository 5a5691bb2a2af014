import type { FloatDtype, GraphValue, Module } from '@hfquant/core/runtime'
import type { LayerOps } from '../ops/ops.js'

/** What one family has in its layers that no choice says: modules of its own, and what the output of a layer passes through. */
export interface LayerAddition {
  /** Adds modules beside the layers, below the base model. */
  build(base: Module, dtype: FloatDtype): void
  /** Adds those of one layer. */
  buildLayer(layer: Module, dtype: FloatDtype): void
  /**
   * Once, before the first layer.
   *
   * @param base path of the base model.
   * @param hidden what the first layer begins with, [B, S, D].
   */
  begin(ops: LayerOps, base: string, hidden: GraphValue): CompleteLayer
}

/** The output of a layer, [B, S, D], as the next one reads it. `path` is that of the layer. */
export type CompleteLayer = (
  layer: { readonly path: string; readonly index: number },
  output: GraphValue,
) => GraphValue
