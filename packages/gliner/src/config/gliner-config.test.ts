import { expect, test } from 'vitest'
import { readGlinerConfig } from './gliner-config.js'

const encoder_config = { model_type: 'bert', hidden_size: 8 }

const refusalOf = (json: object): unknown => {
  try {
    return readGlinerConfig({ encoder_config, ...json })
  } catch (error) {
    return error
  }
}

test('fields that a file leaves out are those of the library, and fields of training are passed over', () => {
  expect(readGlinerConfig({ encoder_config: { hidden_size: 8 }, lr_encoder: '1e-5', name: 'x' })).toEqual({
    ...{ mode: 'span', hiddenSize: 512, maxWidth: 12, maxLen: 384, rnnLayers: 1, embedsMarker: true },
    ...{ entToken: '<<ENT>>', sepToken: '<<SEP>>', classTokenIndex: undefined, vocabSize: undefined },
    ...{ encoder: { model_type: 'deberta-v2', hidden_size: 8 }, labels: undefined },
  })
})

test('either both numbers of the vocabulary count, or none does', () => {
  const vocabularyOf = (class_token_index: number, vocab_size: number) =>
    readGlinerConfig({ encoder_config, class_token_index, vocab_size })
  expect(vocabularyOf(10, 12)).toMatchObject({ classTokenIndex: 10, vocabSize: 12 })
  expect(vocabularyOf(-1, 12)).toMatchObject({ classTokenIndex: undefined, vocabSize: undefined })
  expect(vocabularyOf(10, -1)).toMatchObject({ classTokenIndex: undefined, vocabSize: undefined })
})

test.each([
  ['span_mode', 'marker'],
  ['span_mode', 'conv_share'],
  ['subtoken_pooling', 'mean'],
  ['words_splitter_type', 'spacy'],
  ['fuse_layers', true],
  ['post_fusion_schema', 'l2l-l2t'],
  ['relations_layer', 'biaffine'],
  ['labels_decoder', 'gpt2'],
  ['represent_spans', true],
  ['precomputed_prompts_mode', true],
])('%s %j needs other layers and is refused by name', (field, found) => {
  const refused = { name: 'CapabilityError', code: 'VARIANT', field, found, hint: expect.any(String) }
  expect(refusalOf({ [field]: found })).toMatchObject(refused)
})

test.each([
  ['max_width', 0, 'FIELD_VALUE'],
  ['max_len', 'long', 'FIELD_TYPE'],
  ['hidden_size', 1.5, 'FIELD_TYPE'],
  ['num_rnn_layers', -1, 'FIELD_VALUE'],
  ['embed_ent_token', 'yes', 'FIELD_TYPE'],
  ['encoder_config', null, 'FIELD_MISSING'],
  ['class_token_index', 12, 'FIELD_VALUE'],
])('%s %j is refused by the name of the field', (field, found, code) => {
  expect(refusalOf({ vocab_size: 12, class_token_index: 3, [field]: found })).toMatchObject({
    ...{ name: 'ConfigError', code, field },
    hint: expect.any(String),
  })
})
