import { testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import {
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  GLiNER,
  pipeline,
} from './index.js'
import { encoderFolder } from './testing/encoder-folder.fixture.js'
import { golden } from './testing/golden.fixture.js'

const root = testFolder()

/** With the length, and the names of tokens, that pipelines look for. */
const withTokenizer = (name: string, config: object = {}): string =>
  encoderFolder(root, name, {
    config,
    files: {
      'tokenizer_config.json': {
        ...{ cls_token: '[CLS]', sep_token: '[SEP]', pad_token: '[PAD]', mask_token: '[MASK]' },
        model_max_length: 32,
      },
    },
  })

/** Options of a call that nobody wants any longer. */
const ENDED = { signal: AbortSignal.abort('enough') }

const softmax = (logits: Iterable<number>): number[] => {
  const powers = Array.from(logits, Math.exp)
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

describe('feature-extraction', () => {
  const folder = withTokenizer('bert')
  const TEXTS = ['a small house by the sea', 'who lives there']

  test('gives a tensor of all tokens, or pooled, scaled and packed vectors', async () => {
    await using extractor = await pipeline('feature-extraction', folder)
    await using model = await AutoModel.fromPretrained(folder)
    const [long, short] = (await model.encode(TEXTS)) as unknown as readonly [Encoded, Encoded]
    const all = await extractor(TEXTS)
    expect([all.type, all.dims, all.size]).toEqual(['float32', [2, 8, 24], 2 * 8 * 24])
    expect(all[0]!.data).toEqual(long.lastHiddenState)
    expect(all[1]!.data).toEqual(Float32Array.from([...short.lastHiddenState, ...new Array(3 * 24).fill(0)]))

    const mean = await extractor(TEXTS[1]!, { pooling: 'mean' })
    expect(mean.dims).toEqual([1, 24])
    const [channel] = mean.data
    const column = Array.from({ length: 5 }, (_, token) => short.lastHiddenState[token * 24]!)
    expect(channel).toBeCloseTo(column.reduce((sum, value) => sum + value, 0) / 5, 6)
    const firsts = await extractor(TEXTS, { pooling: 'cls' })
    expect(firsts.tolist()).toEqual(
      [long, short].map((text) => Array.from(text.lastHiddenState.subarray(0, 24))),
    )
    expect((await extractor(TEXTS, { pooling: 'last_token' }))[1]!.data).toEqual(
      short.lastHiddenState.slice(-24),
    )

    const [unit] = await extractor(TEXTS, { pooling: 'mean', normalize: true })
    expect(Math.hypot(...unit!.data)).toBeCloseTo(1, 6)
    const bits = await extractor(TEXTS, { pooling: 'cls', quantize: true, precision: 'ubinary' })
    expect([bits.type, bits.dims]).toEqual(['uint8', [2, 3]])
    const byte = [...firsts.data.subarray(0, 8)].map((value) => (value > 0 ? '1' : '0')).join('')
    expect(bits.data[0]).toBe(Number.parseInt(byte, 2))
    const signed = await extractor(TEXTS, { pooling: 'cls', quantize: true })
    expect([signed.type, ...signed.data]).toEqual(['int8', ...Array.from(bits.data, (value) => value - 128)])
  })

  test('cuts texts where the tokenizer says, and refuses what it does not know', async () => {
    await using extractor = await pipeline('embeddings', folder)
    expect((await extractor('a small house '.repeat(40))).dims).toEqual([1, 32, 24])
    await expect(extractor([])).rejects.toMatchObject({ code: 'TEXTS_TYPE' })
    await expect(extractor('a', { pooling: 'max' } as never)).rejects.toMatchObject({ field: 'pooling' })
    await expect(extractor('a', { quantize: true })).rejects.toMatchObject({ field: 'quantize' })
    await expect(extractor('a', { signal: 1 } as never)).rejects.toMatchObject({ field: 'signal' })
    await expect(extractor('a', ENDED)).rejects.toBe('enough')
    await expect(extractor('a', { normalise: true } as never)).rejects.toMatchObject({
      ...{ code: 'OPTION_UNKNOWN', hint: expect.stringContaining('normalize') },
    })
  })
})

interface Encoded {
  readonly lastHiddenState: Float32Array
}

describe('text-classification', () => {
  const folder = withTokenizer('bert-sequence')

  test('gives the best class of each text, or several', async () => {
    await using classifier = await pipeline('sentiment-analysis', folder)
    await using model = await AutoModelForSequenceClassification.fromPretrained(folder)
    const [{ scores: one }, { scores: other }] = (await model.classify([
      'a small house',
      'the sea',
    ])) as unknown as readonly [Classes, Classes]
    expect(await classifier('a small house')).toEqual([one[0]])
    expect(await classifier(['a small house', 'the sea'])).toEqual([one[0], other[0]])
    expect(await classifier('a small house', { top_k: null })).toEqual(one)
    expect(await classifier(['a small house', 'the sea'], { top_k: 2 })).toEqual([
      one.slice(0, 2),
      other.slice(0, 2),
    ])
    await expect(classifier('a', { top_k: 0 })).rejects.toMatchObject({
      code: 'OPTION_VALUE',
      field: 'top_k',
    })
    await expect(classifier('a small house', ENDED)).rejects.toBe('enough')
  })

  test('scores pairs with a reranker', async () => {
    await using reranker = await pipeline('text-classification', withTokenizer('xlm-roberta-sequence'))
    const query = { text: 'who lives there', text_pair: 'a small house' }
    const [found] = await reranker([query, { ...query, text_pair: 'the sea' }])
    expect(found).toEqual({ label: 'L0', score: expect.any(Number) })
    expect(found!.score).toBeGreaterThan(0)
    expect(found!.score).toBeLessThan(1)
  })
})

interface Classes {
  readonly scores: readonly { readonly label: string; readonly score: number }[]
}

describe('token-classification', () => {
  const id2label = { 0: 'O', 1: 'B-PER', 2: 'I-PER', 3: 'B-LOC', 4: 'I-LOC' }
  const folder = withTokenizer('bert-token', { id2label })
  const TEXT = 'who lives there by the sea a small house query colon'

  test('gives the tokens that have a class, or groups of them', async () => {
    await using classifier = await pipeline('ner', folder)
    const every = await classifier(TEXT, { ignore_labels: [] })
    expect(every.map(({ word }) => word).join(' ')).toBe(TEXT)
    const first = { index: 1, word: 'who', start: 0, end: 3 }
    expect(every[0]).toEqual({ entity: expect.any(String), score: expect.any(Number), ...first })
    expect(every.map(({ start, end }) => TEXT.slice(start, end))).toEqual(every.map(({ word }) => word))
    const found = await classifier(TEXT)
    expect(found).toEqual(every.filter(({ entity }) => entity !== 'O'))
    expect(found.length).toBeGreaterThan(0)
    const groups = await classifier([TEXT], { aggregation_strategy: 'simple' })
    expect(groups[0]!.map(({ word }) => word).join(' ')).toBe(found.map(({ word }) => word).join(' '))
    expect(groups[0]!.map(({ start, end }) => TEXT.slice(start, end))).toEqual(
      groups[0]!.map(({ word }) => word),
    )
    expect(new Set(groups[0]!.map((group) => group.entity_group))).toEqual(
      new Set(found.map(({ entity }) => entity.slice(2))),
    )
    await expect(classifier(TEXT, { labels: ['person'] })).rejects.toMatchObject({ code: 'LABELS_FIXED' })
    await expect(classifier(TEXT, { aggregation_strategy: 'max' } as never)).rejects.toMatchObject({
      ...{ code: 'OPTION_VALUE', field: 'aggregation_strategy' },
    })
    await expect(classifier(TEXT, ENDED)).rejects.toBe('enough')
  })

  test('finds entities of any labels with GLiNER', async () => {
    const text = 'Ada Lovelace wrote to Charles Babbage in London on 5 June 1833.'
    const labels = ['person', 'organization', 'location']
    await using ner = await pipeline('ner', golden('gliner/deberta'), { quantize: 'int8' })
    await using model = await GLiNER.fromPretrained(golden('gliner/deberta'), { quantize: 'int8' })
    const entities = await model.predictEntities(text, labels, { threshold: 0.3, flatNer: false })
    expect(entities.length).toBeGreaterThan(0)
    const found = await ner([text], { labels, threshold: 0.3, flat_ner: false })
    expect(found).toEqual([
      entities.map(({ label, score, text: word, start, end }) => ({
        entity_group: label,
        score,
        word,
        start,
        end,
      })),
    ])
    await expect(ner(text)).rejects.toMatchObject({ code: 'LABELS_MISSING', field: 'labels' })
    await expect(ner(text, { labels, aggregation_strategy: 'simple' } as never)).rejects.toMatchObject({
      code: 'OPTION_UNKNOWN',
    })
    await expect(ner(text, { labels, ...ENDED })).rejects.toBe('enough')
  })
})

describe('fill-mask', () => {
  const folder = withTokenizer('bert-masked-lm')

  test('gives the likeliest tokens in the place of the mask, and the text with each', async () => {
    await using unmasker = await pipeline('fill-mask', folder)
    await using model = await AutoModelForMaskedLM.fromPretrained(folder)
    const [{ logits } = { logits: new Float32Array() }] = await model.predict([{ inputIds: [1, 7, 4, 9, 2] }])
    const scores = softmax(logits.subarray(2 * 53, 3 * 53))
    const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!)
    const found = await unmasker('a [MASK] house')
    expect(found.map(({ token }) => token)).toEqual(order.slice(0, 5))
    expect(found.map(({ score }) => score)).toEqual(
      order.slice(0, 5).map((token) => expect.closeTo(scores[token]!, 6)),
    )
    const [all] = await unmasker(['a [MASK] house'], { top_k: null })
    expect(all).toHaveLength(53)
    expect(all!.find(({ token }) => token === 12)).toMatchObject({
      token_str: 'sea',
      sequence: 'a sea house',
    })
    await expect(unmasker('a house')).rejects.toMatchObject({
      ...{ code: 'MASK_MISSING', hint: 'Write [MASK] where a token is to be guessed.' },
    })
    await expect(unmasker('a [MASK] house', ENDED)).rejects.toBe('enough')
  })
})

describe('zero-shot-classification', () => {
  const id2label = { 0: 'contradiction', 1: 'neutral', 2: 'ENTAILMENT' }
  const folder = withTokenizer('bert-sequence', { id2label })

  test('ranks labels by what follows from a text', async () => {
    await using classifier = await pipeline('zero-shot-classification', folder)
    await using model = await AutoModelForSequenceClassification.fromPretrained(folder)
    const options = { hypothesis_template: 'by the {}' }
    const pairs = ['sea', 'house'].map((label) => ({ text: 'who lives there', textPair: `by the ${label}` }))
    const [sea, house] = (await model.classify(pairs)).map(({ logits }) => logits) as [
      Float32Array,
      Float32Array,
    ]
    const scores = softmax([sea[2]!, house[2]!])
    const labels = scores[0]! >= scores[1]! ? ['sea', 'house'] : ['house', 'sea']
    const one = {
      sequence: 'who lives there',
      labels,
      scores: [Math.max(...scores), Math.min(...scores)].map(close),
    }
    expect(await classifier('who lives there', ['sea', 'house'], options)).toEqual(one)
    expect(await classifier(['who lives there'], ['sea', 'house'], options)).toEqual([one])
    const each = await classifier('who lives there', ['sea', 'house'], { ...options, multi_label: true })
    const own = (logits: Float32Array) => softmax([logits[0]!, logits[2]!])[1]!
    expect(Object.fromEntries(each.labels.map((label, index) => [label, each.scores[index]]))).toEqual({
      ...{ sea: close(own(sea)), house: close(own(house)) },
    })
    expect((await classifier('who lives there', 'sea', options)).scores).toEqual([close(own(sea))])
  })

  test('takes a model of inference', async () => {
    const topics = withTokenizer('bert-sequence', { id2label: { 0: 'a', 1: 'b', 2: 'c' } })
    await using classifier = await pipeline('zero-shot-classification', topics)
    expect((await classifier('a', ['sea'])).labels).toEqual(['sea'])
    await expect(classifier('a', ['sea'], ENDED)).rejects.toBe('enough')
    const two = pipeline('zero-shot-classification', withTokenizer('xlm-roberta-sequence'))
    await expect(two).rejects.toMatchObject({ code: 'LABELS_UNFIT', field: 'id2label' })
  })
})

const close = (value: number) => expect.closeTo(value, 6)
