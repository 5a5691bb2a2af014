import type { DecoderConfig, LayerChoice } from '../decoder/decoder-config.js'
import type { GgufValue } from '../gguf/gguf-model.js'

/** Architectures of llama.cpp that take the width of all heads for that of the hidden states. */
export const widthUnlike = ({ hiddenSize, layers: [layer] }: DecoderConfig): string | undefined =>
  layer!.attention.heads * layer!.attention.headSize === hiddenSize
    ? undefined
    : 'its heads together are not as wide as its hidden states'

/** Those that take the MLP to be four times as wide as the hidden states. */
export const innerUnlike = ({ hiddenSize, layers: [layer] }: DecoderConfig): string | undefined =>
  layer!.mlp.inner === 4 * hiddenSize ? undefined : 'its MLP is not four times as wide as its hidden states'

/** Those in which every fourth layer, and no other, lacks a rope; `which` says what else it is. */
export const fourthUnlike = ({ layers }: DecoderConfig, which: string): string | undefined =>
  layers.every(({ attention }, index) => (attention.rope === undefined) === ((index + 1) % 4 === 0))
    ? undefined
    : `not every fourth layer is the one ${which}`

/** Gemma 2 and 3, whose scores llama.cpp scales by the size of a head, but those of the largest by a share of the width. */
export const gemmaScoreSize = ({ hiddenSize, layers }: DecoderConfig, largest: number): number => {
  const { heads, headSize } = layers[0]!.attention
  return layers.length === largest ? hiddenSize / heads : headSize
}

/** The same for families whose keys must be there: where nothing slides, all positions are in the window. */
export const windowMetadataAlways = ({
  layers,
  maxPositions,
}: DecoderConfig): Readonly<Record<string, GgufValue>> => ({
  'attention.sliding_window': { u32: maxPositions },
  'attention.sliding_window_pattern': { bools: layers.map(() => false) },
  ...windowMetadata(layers),
})

/** Windows of the layers that slide, and the base of their ropes. */
export function windowMetadata(layers: readonly LayerChoice[]): Readonly<Record<string, GgufValue>> {
  const sliding = layers.find(({ attention }) => attention.window !== undefined)
  if (sliding === undefined) return {}
  const { window, rope } = sliding.attention
  return {
    'attention.sliding_window': { u32: window! },
    'attention.sliding_window_pattern': {
      bools: layers.map(({ attention }) => attention.window !== undefined),
    },
    ...(rope !== undefined && { 'rope.freq_base_swa': { f32: rope.theta } }),
  }
}

/** Families of llama.cpp whose layers all have experts, chosen by softmax, with weights that are divided by their sum or not. */
export function unlikeRouting({ layers }: DecoderConfig, { normalize }: { readonly normalize: boolean }) {
  const routings = layers.map(({ mlp }) => mlp.experts?.routing)
  if (routings.includes(undefined)) return 'some of its layers have no experts'
  if (routings.every((routing) => routing!.normalize === normalize)) return undefined
  return `the weights of its experts are ${normalize ? 'not ' : ''}divided by their sum`
}
