import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type JsonObject, Linear, Module } from '@hfquant/core/runtime'
import { type Backbone, defineArchitecture, describeBackbone, registerArchitecture } from '@hfquant/models'
import { testFolder, tinyConfig, writeTinyModel } from '@hfquant/testkit'
import { EncoderModel, type LoadModelOptions, loadPretrained } from '@hfquant/transformers'
import { expect, test } from 'vitest'
import { recipe } from './index.js'

const root = testFolder()
const CLASSES = 4

/** A family of its own: any encoder, and classes of the words that the caller names. */
const wordTagger = defineArchitecture<Backbone>({
  kind: 'encoder',
  specVersion: 1,
  names: ['WordTagger'],
  modelTypes: ['word_tagger'],
  revision: 1,
  parseConfig: (json) => describeBackbone(json.encoder as JsonObject, 'tokens.encoder'),
  facts: ({ facts }) => facts,
  encoder: ({ encoder }) => encoder,
  build({ encoder, inputEmbedding, checkpoint, ...backbone }, dtype) {
    const root = new Module()
    backbone.build(root, dtype)
    root.child('tags', new Linear(encoder.hiddenSize, CLASSES, dtype, { bias: true, quantizable: false }))
    return {
      ...{ root, dtype, inputEmbedding, checkpoint },
      ...{ basePrefix: '', outputEmbedding: '', ties: [] },
    }
  },
  forward(ops, backbone) {
    const tokens = ops.rows(backbone.forward(ops)) // [tokens, hidden]
    const words = ops.graph.node('Gather', [tokens, ops.input('word_rows', 'int64', ['words'])])
    ops.output('tags', ops.linear('tags', words), ['words', CLASSES])
  },
})
registerArchitecture(wordTagger)

class WordTagger extends EncoderModel {
  static fromPretrained(folder: string, options: LoadModelOptions = {}): Promise<WordTagger> {
    const wanted = { kind: 'encoder', configName: 'tagger_config.json' } as const
    return loadPretrained(folder, options, wanted, (weights) => new WordTagger(weights, options))
  }

  /** Logits of the classes of the last word of each text. */
  async tag(inputs: readonly (readonly number[])[]): Promise<readonly number[]> {
    const texts = await this.readTexts(
      inputs.map((inputIds) => ({ inputIds })),
      {},
    )
    const end = (text: number) => texts.slice(0, text + 1).reduce((sum, { ids }) => sum + ids.length, 0)
    const rows = texts.map((_, text) => BigInt(end(text) - 1))
    const feeds = {
      word_rows: { dtype: 'int64', shape: [rows.length], data: BigInt64Array.from(rows) },
    } as const
    const session = await this.state.session()
    return Array.from((await session.run(texts, ['tags'], feeds)).tags!.data as Float32Array)
  }
}

const encoder = tinyConfig({
  model_type: 'deberta-v2',
  hidden_size: 128,
  intermediate_size: 256,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 96,
  position_buckets: 8,
  position_biased_input: false,
  pos_att_type: ['p2c', 'c2p'],
  share_att_key: true,
})
const texts = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14]]

test('a package puts heads of its own on an encoder, and loads, quantizes and saves the whole', async () => {
  const made = await writeTinyModel(join(root, 'made'), { architectures: ['WordTagger'], encoder })
  const folder = join(root, 'tagger')
  mkdirSync(folder)
  cpSync(join(made, 'model.safetensors'), join(folder, 'model.safetensors'))
  cpSync(join(made, 'config.json'), join(folder, 'tagger_config.json'))
  await using float = await WordTagger.fromPretrained(folder)
  const tags = await float.tag(texts)
  expect(tags).toHaveLength(texts.length * CLASSES)
  expect(tags.slice(CLASSES, 2 * CLASSES)).toEqual(await float.tag([[8]]))

  const quantizationConfig = await recipe('int8-dynamic-act-int8-weight')
  await using quantized = await WordTagger.fromPretrained(folder, { quantizationConfig })
  const rounded = await quantized.tag(texts)
  expect(rounded).not.toEqual(tags)
  await quantized.savePretrained(join(root, 'saved'))
  await using saved = await WordTagger.fromPretrained(join(root, 'saved'))
  expect(saved.quantization?.skipped.map(({ module }) => module)).toEqual(['tags'])
  expect(await saved.tag(texts)).toEqual(rounded)
})
