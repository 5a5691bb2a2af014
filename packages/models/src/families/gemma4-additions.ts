import { Embedding, type GraphValue, joinPath, Linear } from '@hfquant/core/runtime'
import type { LayerAddition } from '../decoder/layer-addition.js'
import type { LayerOps } from '../ops/ops.js'
import type { Activation } from '../parts/activation.js'
import { Norm, type NormKind } from '../parts/norm.js'
import { child } from '../parts/place-module.js'

/** How inputs of single layers are made: from a table of their own and from the hidden states before the first layer. */
interface LayerInputs {
  /** Channels of the input of one layer. */
  readonly size: number
  /** Rows of the table, [vocabSize, layers · size]. */
  readonly vocabSize: number
}

export interface Gemma4Additions extends LayerAddition {
  readonly inputs: LayerInputs | undefined
}

interface Sizes {
  readonly inputs: LayerInputs | undefined
  readonly layers: number
  readonly hidden: number
  readonly norm: NormKind
  /** Of the gates of inputs. */
  readonly activation: Activation
}

/** Each layer is joined by an input of its own, for each token, where a model has them, and multiplied with a number of its own. */
export function gemma4Additions(sizes: Sizes): Gemma4Additions {
  const { inputs, layers, hidden, norm } = sizes
  return {
    inputs,
    build(base, dtype) {
      if (inputs === undefined) return
      const width = layers * inputs.size
      child(base, 'embed_tokens_per_layer', new Embedding(inputs.vocabSize, width, dtype))
      // Projections outside of blocks stay in float, as the output matrix does.
      const projection = new Linear(hidden, width, dtype, { quantizable: false })
      child(base, 'per_layer_model_projection', projection)
      child(base, 'per_layer_projection_norm', new Norm([inputs.size], norm, dtype))
    },
    buildLayer(layer, dtype) {
      if (inputs !== undefined) {
        child(layer, 'per_layer_input_gate', new Linear(hidden, inputs.size, dtype))
        child(layer, 'per_layer_projection', new Linear(inputs.size, hidden, dtype))
        child(layer, 'post_per_layer_input_norm', new Norm([hidden], norm, dtype))
      }
      layer.parameter('layer_scalar', dtype, [1])
    },
    begin(ops, base, begin) {
      const made = inputs && layerInputs(ops, base, sizes, inputs, begin)
      return ({ path, index }, output) => {
        const own = made?.[index]
        const joined = own === undefined ? output : joinInput(ops, path, sizes, output, own)
        return ops.mul(joined, ops.parameter(joinPath(path, 'layer_scalar'), [1]))
      }
    },
  }
}

/**
 * The inputs of every layer, each [B, S, size]: rows of a table · √size, and hidden states that are projected and normed,
 * together · 1/√2.
 */
function layerInputs(
  ops: LayerOps,
  base: string,
  { layers, hidden: hiddenSize }: Sizes,
  { size }: LayerInputs,
  hidden: GraphValue,
): readonly GraphValue[] {
  const at = (name: string) => joinPath(base, name)
  const each = { count: layers, size }
  const looked = ops.embed(at('embed_tokens_per_layer'), ops.ids, Math.fround(Math.sqrt(size)))
  const projected = ops.mul(ops.linear(at('per_layer_model_projection'), hidden), hiddenSize ** -0.5)
  const normed = ops.fromHeads(ops.norm(at('per_layer_projection_norm'), ops.toHeads(projected, each)), each)
  const inputs = ops.split(
    ops.mul(ops.add(normed, looked), Math.SQRT1_2),
    Array.from({ length: layers }, () => size),
  )
  return inputs.map((input) => ops.besideHidden(input))
}

/** x += N(project(act(gate x) · input)) */
function joinInput(
  ops: LayerOps,
  path: string,
  { activation }: Sizes,
  x: GraphValue,
  input: GraphValue,
): GraphValue {
  const at = (name: string) => joinPath(path, name)
  const gate = ops.activate(activation, ops.linear(at('per_layer_input_gate'), x), at('mlp.act_fn'))
  const branch = ops.linear(at('per_layer_projection'), ops.mul(gate, input))
  return ops.add(x, ops.norm(at('post_per_layer_input_norm'), branch))
}
