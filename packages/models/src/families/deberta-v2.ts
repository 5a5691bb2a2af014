import { type ConfigReader, invalidField } from '../config/config-reader.js'
import type { DisentangledChoice } from '../decoder/decoder-config.js'
import { encoderFamily } from '../encoder/encoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** DeBERTa v2 and v3 (He et al. 2021): what stands where is compared apart from what it is. */
export const debertaV2 = encoderFamily({
  classes: ['DebertaV2'],
  modelTypes: ['deberta-v2'],
  onnxModelTypes: ['deberta-v2'],
  revision: 2,
  defaults: { max_position_embeddings: 512 },
  choose(read, sizes) {
    read.only('relative_attention', true, 'scores are made with distances')
    read.only('conv_kernel_size', 0, 'there is no convolution beside the first layer')
    const { hidden, headSize, positions } = sizes
    const relative = readDistances(read, positions)
    const terms = 1 + Number(relative.ofQueries) + Number(relative.ofKeys)
    read.only('embedding_size', hidden, 'tables are as wide as hidden states')
    return {
      norm: layerNorm(read.number('layer_norm_eps', 1e-7)),
      tokens: { positions: read.flag('position_biased_input', true) ? positions : undefined },
      attention: { scale: (headSize * terms) ** -0.5, relative },
      heads: {
        'sequence-classification': {
          steps: [
            {
              path: 'pooler.dense',
              inner: hidden,
              bias: true,
              activation: read.activation('pooler_hidden_act', 'gelu'),
            },
          ],
          output: 'classifier',
        },
        'token-classification': { output: 'classifier' },
        'masked-lm': {
          steps: [
            {
              ...{ path: 'cls.predictions.transform.dense', norm: 'cls.predictions.transform.LayerNorm' },
              ...{ inner: hidden, bias: true },
              activation: read.activation('hidden_act', 'gelu'),
            },
          ],
          output: 'cls.predictions.decoder',
          bias: 'cls.predictions.bias',
        },
      },
      names: {
        prefix: 'deberta',
        query: 'attention.self.query_proj',
        key: 'attention.self.key_proj',
        value: 'attention.self.value_proj',
      },
    }
  },
})

/** A table of the graph has two rows for each; the files of the hub have 512. */
const MAX_DISTANCE = 2 ** 16

function readDistances(read: ConfigReader, positions: number): DisentangledChoice {
  const buckets = read.number('position_buckets', -1)
  const given = read.number('max_relative_positions', -1)
  const farthest = given < 1 ? positions : read.size('max_relative_positions', undefined, MAX_DISTANCE)
  if (buckets > 0 && (buckets % 2 !== 0 || buckets < 4 || farthest <= buckets / 2 + 1)) {
    throw invalidField('position_buckets', buckets, `an even number from 4 on, less than twice ${farthest}`)
  }
  const kinds = readKinds(read)
  return {
    kind: 'disentangled',
    table: 'encoder.rel_embeddings',
    norm: read.text('norm_rel_ebd', 'none').includes('layer_norm') ? 'encoder.LayerNorm' : undefined,
    span: buckets > 0 ? buckets : farthest,
    farthest: buckets > 0 ? farthest : undefined,
    ofQueries: kinds.includes('c2p'),
    ofKeys: kinds.includes('p2c'),
    ownProjections: !read.flag('share_att_key'),
  }
}

/** A list, or its entries between bars: "p2c|c2p". */
function readKinds({ json }: ConfigReader): readonly string[] {
  const { pos_att_type: given } = json
  const kinds = typeof given === 'string' ? given.split('|') : (given ?? [])
  const isKind = (kind: unknown): kind is string => kind === 'c2p' || kind === 'p2c'
  if (Array.isArray(kinds) && kinds.every(isKind)) return kinds
  throw invalidField('pos_att_type', given, 'a list of "c2p" and "p2c"')
}
