import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { AutoModel, recipe } from './index.js'
import { encoderFolder } from './testing/encoder-folder.fixture.js'

const root = testFolder()

describe('sentence vectors', () => {
  const prompts = { prompts: { query: 'query colon ', none: '' }, default_prompt_name: 'query' }

  test('prompts come before texts: the one that the folder says, a named one, or any', async () => {
    const folder = encoderFolder(root, 'bert', { files: { 'config_sentence_transformers.json': prompts } })
    await using model = await AutoModel.fromPretrained(folder)
    const [prompted] = await model.embed(['a small house'])
    expect([prompted]).toEqual(await model.embed(['query colon a small house'], { promptName: 'none' }))
    expect([prompted]).toEqual(await model.embed([' a small house '], { prompt: 'query colon' }))
    expect([prompted]).toEqual(await model.embed([{ inputIds: [1, 5, 6, 7, 8, 9, 2] }]))
    await expect(model.embed(['a'], { promptName: 'passage' })).rejects.toMatchObject({
      ...{ code: 'PROMPT_UNKNOWN', field: 'promptName', expected: ['query', 'none'] },
    })
  })

  test('tokens of a prompt count for nothing where the pooling says so', async () => {
    const folder = encoderFolder(root, 'bert', {
      files: {
        'config_sentence_transformers.json': prompts,
        '1_Pooling/config.json': { pooling_mode: 'mean', include_prompt: false },
      },
    })
    await using model = await AutoModel.fromPretrained(folder)
    const [vector] = await model.embed(['a small house'])
    const [{ lastHiddenState } = {}] = await model.encode(['query colon a small house'])
    const counted = lastHiddenState!.subarray(3 * 24)
    const mean = Float32Array.from({ length: 24 }, (_, channel) => {
      const values = Array.from({ length: 4 }, (_, token) => counted[token * 24 + channel]!)
      return values.reduce((sum, value) => sum + value, 0) / 4
    })
    expect(vector).toEqual(mean)
  })

  test('texts one after the other have the vectors that they have together, and hidden states stay what they are', async () => {
    await using model = await AutoModel.fromPretrained(encoderFolder(root, 'bert'))
    const texts = ['a small house by the sea', 'sea', 'the small house', 'a house by the small sea']
    const encoded = await model.encode(texts)
    const before = structuredClone(encoded)
    const together = await model.embed(texts)
    for (const [index, text] of texts.entries()) expect(await model.embed([text])).toEqual([together[index]])
    const { lastHiddenState } = encoded[1]!
    const mean = together[1]!.map((_, channel) => {
      const values = lastHiddenState.filter((_value, at) => at % 24 === channel)
      return values.reduce((sum, value) => sum + value, 0) / values.length
    })
    expect(together[1]).toEqual(mean)
    expect(encoded).toEqual(before)
  })

  test('texts are cut where the folder says, and vectors have the length 1 if that is wanted', async () => {
    const folder = encoderFolder(root, 'bert', {
      files: { 'sentence_bert_config.json': { max_seq_length: 4 } },
    })
    await using model = await AutoModel.fromPretrained(folder)
    const [vector, longer] = await model.embed(['a small', 'a small house by the sea'])
    expect(longer).toEqual(vector)
    const [unit] = await model.embed(['a small'], { normalize: true })
    expect(Math.hypot(...unit!)).toBeCloseTo(1, 6)
  })

  test('what makes them is saved with the model, and computes the same', async () => {
    const folder = encoderFolder(root, 'xlm-roberta')
    const saved = join(root, 'saved-sentences')
    await using model = await AutoModel.fromPretrained(folder, {
      quantizationConfig: await recipe('int8-dynamic-act-int8-weight'),
    })
    const [vector] = await model.embed(['a small house'])
    await model.savePretrained(saved)
    await using again = await AutoModel.fromPretrained(saved)
    expect(await again.embed(['a small house'])).toEqual([vector])
  })

  test.each([
    ['SENTENCE_MODULE', { 'modules.json': [{ type: 'a.CNN', path: '1_CNN' }] }],
    ['JSON_INVALID', { 'modules.json': { type: 'a.Pooling' } }],
    ['JSON_INVALID', { 'modules.json': [{ type: 'a.Pooling', path: '../elsewhere' }] }],
    ['POOLING', { '1_Pooling/config.json': { pooling_mode: ['mean', 'attention'] } }],
    ['POOLING', { '1_Pooling/config.json': { pooling_mode: ['mean', 'mean'] } }],
    ['FIELD_VALUE', { '1_Pooling/config.json': {} }],
    ['JSON_INVALID', { 'modules.json': Array(17).fill({ type: 'a.Dense', path: '1_Pooling' }) }],
    [
      'FIELD_VALUE',
      {
        'modules.json': [{ type: 'a.Dense', path: '1_Pooling' }],
        '1_Pooling/config.json': { in_features: 25, out_features: 24 },
      },
    ],
  ])('%s for %j', async (code, files) => {
    await using model = await AutoModel.fromPretrained(encoderFolder(root, 'bert', { files }))
    await expect(model.embed([{ inputIds: [1, 2] }])).rejects.toMatchObject({ code })
  })
})
