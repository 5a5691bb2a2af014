import type { DecoderConfig, LayerChoice } from '../decoder/decoder-config.js'
import type { DecoderGguf } from '../decoder/gguf-of-decoder.js'
import type { Gemma4Additions } from './gemma4-additions.js'
import { windowMetadataAlways } from './gguf-limits.js'

/** How llama.cpp knows Gemma 4: sizes of heads by kind of layer, and the layers without a cache of their own last. */
export const GEMMA4_GGUF: DecoderGguf = {
  architecture: 'gemma4',
  activation: 'gelu',
  ropeFactors: ['proportional'],
  scoreSize: () => 1,
  tensors: () => ({
    'model.embed_tokens_per_layer.weight': 'per_layer_token_embd.weight',
    'model.per_layer_model_projection.weight': 'per_layer_model_proj.weight',
    'model.per_layer_projection_norm.weight': 'per_layer_proj_norm.weight',
    'per_layer_input_gate.weight': 'inp_gate.weight',
    'per_layer_projection.weight': 'proj.weight',
    'post_per_layer_input_norm.weight': 'post_norm.weight',
    layer_scalar: 'layer_output_scale.weight',
    'pre_feedforward_layernorm_2.weight': 'pre_ffw_norm_2.weight',
    'post_feedforward_layernorm_1.weight': 'post_ffw_norm_1.weight',
    'post_feedforward_layernorm_2.weight': 'post_ffw_norm_2.weight',
    'router.scale': 'ffn_gate_inp.scale',
    'router.per_expert_scale': 'ffn_down_exps.scale',
  }),
  metadata(config) {
    const { layers, output } = config
    const [full, sliding] = [layers.find(isFull), layers.find((layer) => !isFull(layer))]
    const large = (full ?? sliding)!.attention
    const small = (sliding ?? full)!.attention
    return {
      ...windowMetadataAlways(config),
      feed_forward_length: { i32s: layers.map(({ mlp }) => mlp.inner) },
      'attention.head_count_kv': { i32s: layers.map(({ attention }) => attention.kvHeads) },
      'attention.key_length': { u32: large.headSize },
      'attention.value_length': { u32: large.headSize },
      'attention.key_length_swa': { u32: small.headSize },
      'attention.value_length_swa': { u32: small.headSize },
      'rope.dimension_count_swa': { u32: small.rope!.width },
      'attention.shared_kv_layers': { u32: layers.length - ownerCount(config) },
      embedding_length_per_layer_input: { u32: inputsOf(config)?.size ?? 0 },
      ...(output.softCap !== undefined && { final_logit_softcapping: { f32: output.softCap } }),
    }
  },
  refuses: (config) => sharingObstacle(config) ?? inputsObstacle(config),
}

const isFull = ({ attention }: LayerChoice): boolean => attention.window === undefined

const ownerCount = ({ layers }: DecoderConfig): number =>
  layers.filter(({ attention }) => attention.cacheOf === undefined).length

/** Layers without a cache read that of the last layer with one, or, sliding ones, that of the layer before it. */
function sharingObstacle(config: DecoderConfig): string | undefined {
  const owners = ownerCount(config)
  if (owners < 2) return 'fewer than two of its layers have a cache'
  const isUsual = config.layers.every(
    ({ attention: { cacheOf, window } }) =>
      cacheOf === undefined || cacheOf === owners - (window === undefined ? 1 : 2),
  )
  return isUsual
    ? undefined
    : 'its last two layers with a cache are not one that slides and one that does not'
}

const inputsOf = ({ addition }: DecoderConfig) => (addition as Gemma4Additions).inputs

const inputsObstacle = (config: DecoderConfig): string | undefined =>
  [config.vocabSize, undefined].includes(inputsOf(config)?.vocabSize)
    ? undefined
    : 'the table of its inputs of single layers has rows of its own'
