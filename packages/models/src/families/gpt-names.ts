import type { ConfigReader } from '../config/config-reader.js'
import type { DecoderNames } from '../decoder/names.js'

/** What GPT-2 and those who followed it call the parts of a model. */
export const GPT_NAMES: Partial<DecoderNames> = {
  base: 'transformer',
  embedding: 'wte',
  positions: 'wpe',
  layers: 'h',
  finalNorm: 'ln_f',
  projections: 'attn.c_attn',
  output: 'attn.c_proj',
  up: 'mlp.c_fc',
  down: 'mlp.c_proj',
  norms: { attentionIn: 'ln_1', mlpIn: 'ln_2' },
}

/** Scores of layer `index`: GPT-2 can leave them unscaled, or make them smaller from layer to layer. */
export function attentionScale(read: ConfigReader, headSize: number): (index: number) => number {
  const scale = read.flag('scale_attn_weights', true) ? headSize ** -0.5 : 1
  const shrinks = read.flag('scale_attn_by_inverse_layer_idx')
  return (index) => (shrinks ? scale / (index + 1) : scale)
}
