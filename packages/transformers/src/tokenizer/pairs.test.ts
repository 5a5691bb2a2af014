import { expect, test } from 'vitest'
import { AutoTokenizer } from './index.js'
import { readGolden, withFolder } from './test-folder.js'

interface Case {
  readonly processor: string
  readonly texts: readonly [first: string, second: string]
  readonly truncateTo: number | null
  readonly ids: readonly number[]
  readonly types: readonly number[]
}

const words = await readGolden<object>('words/tokenizer.json')
const { processors, cases } = await readGolden<{
  readonly processors: Readonly<Record<string, object | null>>
  readonly cases: readonly Case[]
}>('pairs.json')

const load = (processor: object | null | undefined) =>
  withFolder({ 'tokenizer.json': { ...words, post_processor: processor } }, AutoTokenizer.fromPretrained)

test.each(Object.keys(processors))('pairs of texts with %s, as Python has them', async (processor) => {
  const tokenizer = await load(processors[processor])
  const own = cases.filter((one) => one.processor === processor)
  expect(own.length).toBeGreaterThan(0)
  for (const { texts, truncateTo, ids, types } of own) {
    const found = await tokenizer.encodePairAsync(...texts, { truncateTo: truncateTo ?? undefined })
    expect(found, `${texts} ${truncateTo}`).toEqual({ ids, types })
  }
})

test('a single text is cut so that what stands around it stays', async () => {
  const tokenizer = await load(processors.bert)
  expect(tokenizer.encode('a small house', { truncateTo: 4 })).toEqual([1, 7, 8, 2])
  expect(tokenizer.encode('a small house', { truncateTo: 1 })).toEqual([1, 2])
  expect(tokenizer.encode('a small house', { truncateTo: 2, addSpecialTokens: false })).toEqual([7, 8])
})

test('a template that cannot make pairs is of no account until one is met', async () => {
  const single = [{ Sequence: { id: 'A', type_id: 0 } }]
  const tokenizer = await load({ type: 'TemplateProcessing', single, pair: 5, special_tokens: {} })
  expect(tokenizer.encode('a house')).toEqual([7, 9])
  await expect(tokenizer.encodePairAsync('a', 'house')).rejects.toMatchObject({
    field: 'post_processor.pair',
  })
})
