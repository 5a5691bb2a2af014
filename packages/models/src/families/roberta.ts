import { type EncoderChoices, encoderFamily } from '../encoder/encoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** RoBERTa (Liu et al. 2019), XLM-RoBERTa and CamemBERT: BERT whose positions are counted from the id of padding. */
export const roberta = encoderFamily({
  classes: ['Roberta', 'XLMRoberta', 'Camembert'],
  modelTypes: ['roberta', 'xlm-roberta', 'camembert'],
  onnxModelTypes: ['roberta', 'xlm-roberta', 'camembert'],
  revision: 1,
  defaults: { max_position_embeddings: 512, type_vocab_size: 1, pad_token_id: 1 },
  choose(read, sizes) {
    const { hidden } = sizes
    return {
      norm: layerNorm(read.number('layer_norm_eps', 1e-12)),
      tokens: { countedFrom: read.number('pad_token_id', 1) },
      ...robertaHeads(hidden),
      names: { prefix: 'roberta' },
    }
  },
})

/** What stands on the hidden states of RoBERTa and those that took it over. */
export function robertaHeads(hidden: number): Pick<EncoderChoices, 'pooler' | 'heads'> {
  const step = { inner: hidden, bias: true } as const
  return {
    pooler: { ...step, path: 'pooler.dense', activation: 'tanh' },
    heads: {
      'sequence-classification': {
        steps: [{ ...step, path: 'classifier.dense', activation: 'tanh' }],
        output: 'classifier.out_proj',
      },
      'token-classification': { output: 'classifier' },
      'masked-lm': {
        steps: [{ ...step, path: 'lm_head.dense', activation: 'gelu', norm: 'lm_head.layer_norm' }],
        output: 'lm_head.decoder',
        bias: 'lm_head.bias',
      },
    },
  }
}
