import { type DecoderNames, LLAMA_NAMES } from '../decoder/names.js'

/** What a family of encoders calls its parts, beyond those of any layers. */
export interface EncoderNames extends DecoderNames {
  /** The first name of the base model in files that hold a head as well; files of the bare model lack it. */
  readonly prefix: string
  /** Table of token types, relative to the base model. */
  readonly types: string
}

/** As BERT has them. The name of the base model is not part of a file that holds nothing else. */
export const BERT_NAMES: EncoderNames = {
  ...LLAMA_NAMES,
  base: '',
  prefix: 'bert',
  embedding: 'embeddings.word_embeddings',
  positions: 'embeddings.position_embeddings',
  types: 'embeddings.token_type_embeddings',
  embeddingNorm: 'embeddings.LayerNorm',
  projectIn: 'embeddings_project',
  layers: 'encoder.layer',
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  distanceKey: 'attention.self.pos_key_proj',
  distanceQuery: 'attention.self.pos_query_proj',
  output: 'attention.output.dense',
  up: 'intermediate.dense',
  down: 'output.dense',
  norms: { attentionOut: 'attention.output.LayerNorm', mlpOut: 'output.LayerNorm' },
}
