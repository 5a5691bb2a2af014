import { CapabilityError, type JsonObject } from '@hfquant/core'
import { slidesUnlessEvery } from '../config/read-layer-kinds.js'
import type { DecoderConfig, LayerChoice } from '../decoder/decoder-config.js'
import type { GgufValue } from '../gguf/gguf-model.js'
import type { GgufReader } from '../gguf/gguf-reader.js'

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

/** The same of a GGUF file. */
export function gemmaScoreSizeOf(read: GgufReader, headSize: number, largest: number): number {
  return read.layers === largest
    ? read.count('embedding_length') / read.same('attention.head_count')
    : headSize
}

/** Mixtral has the name of Llama in llama.cpp. */
export function refuseExperts(read: GgufReader): void {
  const { file } = read
  const count = read.count('expert_count', 0)
  if (count === 0) return
  throw new CapabilityError('GGUF_EXPERTS', `${file} has ${count} experts, which is not read of "llama"`, {
    ...{ file, field: 'llama.expert_count', found: count, expected: 0 },
    hint: 'Load the model from its Hugging Face checkpoint.',
  })
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

/**
 * The same of a GGUF file: which layers slide is a list, or a period whose last layer does not.
 *
 * @param fallback what llama.cpp has where the file says nothing; a window of 0 tokens is none.
 */
export function windowsOfGguf(
  read: GgufReader,
  fallback: { readonly period: number; readonly window: number },
): JsonObject {
  const window = read.count('attention.sliding_window', fallback.window)
  if (window === 0) return withoutWindows(read)
  const key = 'attention.sliding_window_pattern'
  const listed = read.flags(key)
  const slides = slidesUnlessEvery(listed === undefined ? read.count(key, fallback.period) : 1)
  const kinds = Array.from({ length: read.layers }, (_, index) => listed?.[index] ?? slides(index))
  return {
    sliding_window: window,
    layer_types: kinds.map((isSliding) => (isSliding ? 'sliding_attention' : 'full_attention')),
  }
}

/** Of families whose windows llama.cpp does not know, or of a model that has none. */
export const withoutWindows = ({ layers }: GgufReader): JsonObject => ({
  sliding_window: null,
  layer_types: Array.from({ length: layers }, () => 'full_attention'),
})

/** Families of llama.cpp whose layers all have experts, chosen by softmax, with weights that are divided by their sum or not. */
export function unlikeRouting({ layers }: DecoderConfig, { normalize }: { readonly normalize: boolean }) {
  const routings = layers.map(({ mlp }) => mlp.experts?.routing)
  if (routings.includes(undefined)) return 'some of its layers have no experts'
  if (routings.every((routing) => routing!.normalize === normalize)) return undefined
  return `the weights of its experts are ${normalize ? 'not ' : ''}divided by their sum`
}
