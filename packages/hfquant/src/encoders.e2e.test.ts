import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  inspectModel,
  quantizeModel,
  recipe,
} from './index.js'
import { encoderFolder } from './testing/encoder-folder.fixture.js'
import { golden } from './testing/golden.fixture.js'

const root = testFolder()
const bert = golden('architectures/bert')

describe('the wrong class says which one is right', () => {
  test.each([
    ['a decoder', golden('architectures/llama'), AutoModel, 'AutoModelForCausalLM'],
    ['an encoder', bert, AutoModelForCausalLM, 'AutoModel.'],
    [
      'a classifier',
      golden('architectures/bert-token'),
      AutoModelForCausalLM,
      'AutoModelForTokenClassification',
    ],
    ['no head', bert, AutoModelForSequenceClassification, 'AutoModel.'],
    [
      'another head',
      golden('architectures/bert-token'),
      AutoModelForMaskedLM,
      'AutoModelForTokenClassification',
    ],
  ] as const)('%s', async (_, folder, wrong, right) => {
    const refused = wrong.fromPretrained(folder)
    await expect(refused).rejects.toMatchObject({
      ...{ name: 'ConfigError', code: 'MODEL_CLASS', field: 'architectures' },
      ...{ file: join(folder, 'config.json'), hint: expect.stringContaining(right) },
    })
  })
})

describe('texts', () => {
  const encoder = encoderFolder(root, 'bert')

  test('are encoded one by one or together, and their types are 0 unless they are given', async () => {
    await using model = await AutoModel.fromPretrained(encoder)
    const texts = ['a small house', 'by the sea', '']
    const together = await model.encode(texts)
    expect(together.map(({ shape }) => shape)).toEqual([
      [5, 24],
      [5, 24],
      [2, 24],
    ])
    for (const [index, text] of texts.entries()) expect(await model.encode([text])).toEqual([together[index]])
    const inputIds = [1, 7, 8, 9, 2]
    expect(await model.encode([{ inputIds, tokenTypeIds: [0, 0, 0, 0, 0] }])).toEqual([together[0]])
    const other = await model.encode([{ inputIds, tokenTypeIds: [0, 0, 0, 0, 1] }])
    expect(other).not.toEqual([together[0]])
    expect(await model.encode([])).toEqual([])
  })

  test('of a pair are one sequence with two types', async () => {
    await using model = await AutoModel.fromPretrained(encoder)
    const pair = { text: 'who lives there', textPair: 'a house by the sea' }
    const inputIds = [1, 13, 14, 15, 2, 7, 9, 10, 11, 12, 2]
    const tokenTypeIds = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    expect(await model.encode([pair])).toEqual(await model.encode([{ inputIds, tokenTypeIds }]))
    const [cut] = await model.encode([pair], { truncation: true, maxLength: 8 })
    const shorter = { inputIds: [1, 13, 14, 2, 7, 9, 10, 2], tokenTypeIds: [0, 0, 0, 0, 1, 1, 1, 1] }
    expect([cut]).toEqual(await model.encode([shorter]))
  })

  test('that are too long are refused, or cut where that is asked for', async () => {
    await using model = await AutoModel.fromPretrained(encoder)
    const long = 'a small house by the sea '.repeat(10)
    await expect(model.encode([long])).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG', expected: 40 })
    const [cut] = await model.encode([long], { truncation: true })
    expect(cut!.shape).toEqual([40, 24])
    const [shorter] = await model.encode([long], { truncation: true, maxLength: 6 })
    expect([shorter]).toEqual(await model.encode([{ inputIds: [1, 7, 8, 9, 10, 2] }]))
    const ofTexts = { code: 'PROMPT_TOO_LONG', expected: 6 }
    await expect(model.encode([long], { maxLength: 6 })).rejects.toMatchObject(ofTexts)
  })

  test.each([0, -5, 2.5, Number.NaN])('maxLength %s is refused', async (maxLength) => {
    await using model = await AutoModel.fromPretrained(encoder)
    const refused = model.encode(['a small house'], { truncation: true, maxLength })
    await expect(refused).rejects.toMatchObject({ code: 'MAX_LENGTH', field: 'maxLength' })
  })

  test('a batch with padding is computed without it', async () => {
    await using model = await AutoModel.fromPretrained(bert)
    const inputIds = [
      [5, 6, 7],
      [8, 0, 0],
    ]
    const padded = await model.forward({
      inputIds,
      attentionMask: [
        [1, 1, 1],
        [1, 0, 0],
      ],
    })
    expect(padded).toEqual(await model.encode([{ inputIds: [5, 6, 7] }, { inputIds: [8] }]))
  })

  test.each([
    ['INPUT_TYPE', { inputIds: 'text' }],
    ['INPUT_TYPE', { inputIds: [] }],
    ['INPUT_EMPTY', { inputIds: [[]] }],
    ['TOKEN_OUT_OF_RANGE', { inputIds: [[53]] }],
    ['INPUT_MASK', { inputIds: [[1, 2]], attentionMask: [[0, 1]] }],
    ['INPUT_MASK', { inputIds: [[1, 2]], attentionMask: [[1]] }],
    ['INPUT_EMPTY', { inputIds: [[1, 2]], attentionMask: [[0, 0]] }],
    ['INPUT_TYPE', { inputIds: [[1, 2]], attentionMask: [] }],
    ['TOKEN_TYPES', { inputIds: [[1, 2]], tokenTypeIds: [[0, 2]] }],
    ['TOKEN_TYPES', { inputIds: [[1, 2]], tokenTypeIds: [[0]] }],
  ])('%s for %j', async (code, input) => {
    await using model = await AutoModel.fromPretrained(bert)
    await expect(model.forward(input as never)).rejects.toMatchObject({ name: 'ConfigError', code })
  })
})

describe('classes', () => {
  test('of a text are scored, the best first', async () => {
    await using model = await AutoModelForSequenceClassification.fromPretrained(
      encoderFolder(root, 'bert-sequence'),
    )
    expect(model.labels).toEqual(['L0', 'L1', 'L2'])
    const [found] = await model.classify(['a small house'])
    const powers = Array.from(found!.logits, Math.exp)
    const sum = powers.reduce((total, power) => total + power)
    const wanted = powers.map((power, index) => ({ label: `L${index}`, score: power / sum }))
    expect(found!.scores.map(({ label }) => label)).toEqual(
      wanted.toSorted((a, b) => b.score - a.score).map(({ label }) => label),
    )
    expect(found!.scores[0]!.score).toBeCloseTo(Math.max(...wanted.map(({ score }) => score)), 6)
  })

  test('a single one is a score of its own: a reranker', async () => {
    const reranker = golden('architectures/xlm-roberta-sequence')
    await using model = await AutoModelForSequenceClassification.fromPretrained(reranker)
    const [found] = await model.classify([{ inputIds: [0, 5, 6, 2] }])
    expect(found!.scores).toEqual([
      { label: 'L0', score: expect.closeTo(1 / (1 + Math.exp(-found!.logits[0]!)), 6) },
    ])
  })

  test('of tokens are those with the largest logits', async () => {
    await using model = await AutoModelForTokenClassification.fromPretrained(
      encoderFolder(root, 'bert-token'),
    )
    const [found] = await model.classify(['by the sea'])
    expect(found!.shape).toEqual([5, 5])
    expect(found!.tokens.map(({ tokenId }) => tokenId)).toEqual([1, 10, 11, 12, 2])
    const places = found!.tokens.map(({ start, end }) => [start, end])
    expect(places).toEqual([
      [undefined, undefined],
      [0, 2],
      [3, 6],
      [7, 10],
      [undefined, undefined],
    ])
    const classified = await model.classify(['👩 sea'], { offsets: 'codePoints' })
    expect(classified[0]!.tokens.at(-2)).toMatchObject({ tokenId: 12, start: 2, end: 5 })
    await expect(model.classify(['sea'], { offsets: 'bytes' as 'utf16' })).rejects.toMatchObject({
      code: 'FIELD_VALUE',
    })
    for (const [token, { label }] of found!.tokens.entries()) {
      const logits = Array.from(found!.logits.subarray(token * 5, (token + 1) * 5))
      expect(label).toBe(`L${logits.indexOf(Math.max(...logits))}`)
    }
  })
})

describe('a model with a head', () => {
  const masked = golden('architectures/bert-masked-lm')

  test('gives its hidden states as well, and keeps its head when it is saved', async () => {
    const saved = join(root, 'saved-head')
    await using base = await AutoModel.fromPretrained(masked)
    expect((await base.encode([{ inputIds: [5, 6] }]))[0]!.shape).toEqual([2, 24])
    await base.savePretrained(saved)
    await using before = await AutoModelForMaskedLM.fromPretrained(masked)
    await using after = await AutoModelForMaskedLM.fromPretrained(saved)
    const input = [{ inputIds: [5, 4, 7] }]
    expect(await after.predict(input)).toEqual(await before.predict(input))
  })

  test('is inspected, and quantized from file to file', async () => {
    const out = join(root, 'from-file-to-file')
    const quantizationConfig = await recipe('nf4')
    const { quantized, skipped } = await quantizeModel(masked, out, { quantizationConfig })
    expect(quantized).toHaveLength(3 * 6)
    expect(skipped.map(({ module }) => module)).toEqual([
      'cls.predictions.decoder',
      'cls.predictions.transform.dense',
    ])
    const { architecture, contextLength, modules } = await inspectModel(out)
    expect([architecture, contextLength]).toEqual(['BertForMaskedLM', 40])
    expect(modules.filter((module) => module.quantized)).toHaveLength(3 * 6)
    await using model = await AutoModelForMaskedLM.fromPretrained(out)
    expect(model.quantization?.method).toBe('bitsandbytes')
  })
})

test('a loaded encoder is quantized and restored in place', async () => {
  await using model = await AutoModel.fromPretrained(bert)
  const input = [{ inputIds: [5, 6, 7] }]
  const before = await model.encode(input)
  await model.quantize('int8')
  const rounded = await model.encode(input)
  expect(rounded).not.toEqual(before)
  await model.dequantize()
  expect(await model.encode(input)).not.toEqual(rounded)
  expect(model.quantization).toBeUndefined()
})

test('a file without a pooler is an encoder without pooled vectors', async () => {
  const folder = encoderFolder(root, 'bert-token', { config: { architectures: ['BertModel'] } })
  await using bare = await AutoModel.fromPretrained(folder)
  const [encoded] = await bare.encode([{ inputIds: [5, 6] }])
  expect(encoded!.poolerOutput).toBeUndefined()
  expect(bare.loadingReport.unexpected).toEqual(['classifier.bias', 'classifier.weight'])
})
