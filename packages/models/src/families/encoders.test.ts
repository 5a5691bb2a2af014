import type { JsonObject } from '@hfquant/core'
import { expect, test } from 'vitest'
import { albert } from './albert.js'
import { bert } from './bert.js'
import { debertaV2 } from './deberta-v2.js'
import { distilbert } from './distilbert.js'
import { modernbert } from './modernbert.js'
import { mpnet } from './mpnet.js'
import { nomicBert } from './nomic-bert.js'
import { roberta } from './roberta.js'

const config: JsonObject = {
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  vocab_size: 96,
}
const debertaConfig: JsonObject = { ...config, pos_att_type: ['p2c', 'c2p'], position_buckets: 256 }

test.each([
  [bert, { position_embedding_type: 'relative_key' }, 'VARIANT', 'position_embedding_type'],
  [bert, { is_decoder: true }, 'VARIANT', 'is_decoder'],
  [bert, { add_cross_attention: true }, 'VARIANT', 'add_cross_attention'],
  [bert, { hidden_act: 'mish' }, 'ACTIVATION', 'hidden_act'],
  [bert, { hidden_size: null }, 'FIELD_VALUE', 'hidden_size'],
  [bert, { num_attention_heads: 5 }, 'FIELD_VALUE', 'num_attention_heads'],
  [bert, { id2label: { 0: 'a', 2: 'b' } }, 'FIELD_VALUE', 'id2label'],
  [bert, { id2label: ['a'] }, 'FIELD_VALUE', 'id2label'],
  [bert, { problem_type: 'ranking' }, 'FIELD_VALUE', 'problem_type'],
  [debertaV2, { ...debertaConfig, conv_kernel_size: 3 }, 'VARIANT', 'conv_kernel_size'],
  [debertaV2, { ...debertaConfig, relative_attention: false }, 'VARIANT', 'relative_attention'],
  [debertaV2, { ...debertaConfig, pos_att_type: 'p2p' }, 'FIELD_VALUE', 'pos_att_type'],
  [debertaV2, { ...debertaConfig, position_buckets: 7 }, 'FIELD_VALUE', 'position_buckets'],
  [debertaV2, { ...debertaConfig, max_relative_positions: 2 ** 32 }, 'FIELD_VALUE', 'max_relative_positions'],
  [albert, { inner_group_num: 501 }, 'FIELD_VALUE', 'inner_group_num'],
  [roberta, { pad_token_id: 511 }, 'FIELD_VALUE', 'pad_token_id'],
  [roberta, { pad_token_id: -3 }, 'FIELD_VALUE', 'pad_token_id'],
  [modernbert, { layer_types: ['linear_attention', 'a', 'b', 'c'] }, 'LAYER_TYPE', 'layer_types'],
  [nomicBert, { prenorm: true }, 'VARIANT', 'prenorm'],
] as const)('%# %j is refused', (family, change, code, field) => {
  expect(() => family.describe({ ...config, ...change })).toThrow(expect.objectContaining({ code, field }))
})

// Rows of positions that are counted from the id of padding begin behind it; distances go on behind the training.
test.each([
  [bert, 512],
  [roberta, 510],
  [mpnet, 510],
  [nomicBert, 2048],
  [modernbert, 8192],
  [debertaV2, 4096],
] as const)('%# the longest text', (family, maxTokens) => {
  const own = family === debertaV2 ? { ...debertaConfig, position_biased_input: false } : config
  expect(family.describe(own).encoder.maxTokens).toBe(maxTokens)
})

test('what a file says of its classes', () => {
  const describe = (change: JsonObject) =>
    bert.describe({ ...config, architectures: ['BertForSequenceClassification'], ...change }).encoder
  expect(describe({})).toMatchObject({ labels: ['LABEL_0', 'LABEL_1'], problem: 'single-label' })
  expect(describe({ num_labels: 1 })).toMatchObject({ labels: ['LABEL_0'], problem: 'multi-label' })
  expect(describe({ id2label: { 1: 'no', 0: 'yes' } })).toMatchObject({ labels: ['yes', 'no'] })
  expect(describe({ problem_type: 'multi_label_classification' })).toMatchObject({ problem: 'multi-label' })
  expect(bert.describe(config).encoder.labels).toEqual([])
})

test('ALBERT runs its groups over and over', () => {
  const paths: string[] = []
  const value = { id: 'value' }
  const answers = {
    graph: { node: () => value },
    block(path: string) {
      paths.push(path)
      return value
    },
  }
  const ops = new Proxy(answers, { get: (target, key) => Reflect.get(target, key) ?? (() => value) })
  const change = { num_hidden_groups: 2, inner_group_num: 2, embedding_size: 64 }
  albert.describe({ ...config, ...change }).forward(ops as never)
  const group = (index: number) =>
    [0, 1].map((layer) => `encoder.albert_layer_groups.${index}.albert_layers.${layer}`)
  expect(paths).toEqual([...group(0), ...group(0), ...group(1), ...group(1)])
})

test('a class of the family names its head, and a class that is not known none', () => {
  const tasks = (name: string) => distilbert.describe({ ...config, architectures: [name] }).encoder.tasks
  expect(tasks('DistilBertForTokenClassification')).toEqual(['hidden-states', 'token-classification'])
  expect(tasks('DistilBertForMultipleChoice')).toEqual(['hidden-states'])
})
