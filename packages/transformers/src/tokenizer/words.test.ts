import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { AutoTokenizer } from './auto-tokenizer.js'

const folder = (name: string) => fileURLToPath(new URL(`../../../../goldens/gliner/${name}`, import.meta.url))

test('words are tokenized one by one, and each id knows its word', async () => {
  const tokenizer = await AutoTokenizer.fromPretrained(folder('bert'))
  const words = ['Ada', '\u200d', 'Lovelace']
  const { ids, wordIds } = await tokenizer.encodeWordsAsync(words)
  const [ada, lovelace] = [words[0]!, words[2]!].map((word) =>
    tokenizer.encode(word, { addSpecialTokens: false }),
  )
  const [first, last] = [tokenizer.tokenToId('[CLS]'), tokenizer.tokenToId('[SEP]')]
  expect(ids).toEqual([first, ...ada!, ...lovelace!, last])
  // A joiner has no token at all.
  expect(wordIds).toEqual([undefined, ...ada!.map(() => 0), ...lovelace!.map(() => 2), undefined])

  const cut = await tokenizer.encodeWordsAsync(words, { truncateTo: 3 })
  expect(cut).toEqual({ ids: [first, ada![0], last], wordIds: [undefined, 0, undefined] })
})

test('added tokens get the next free ids, and those that are known keep theirs', async () => {
  const plain = await AutoTokenizer.fromPretrained(folder('deberta-plain'))
  const addedTokens = ['<<A>>', '[SEP]', '<<B>>']
  const tokenizer = await AutoTokenizer.fromPretrained(folder('deberta-plain'), { addedTokens })
  const ids = addedTokens.map((token) => tokenizer.tokenToId(token))
  expect(ids).toEqual([plain.vocabSize, plain.tokenToId('[SEP]'), plain.vocabSize + 1])
  expect(tokenizer.encode('<<A>><<B>>', { addSpecialTokens: false })).toEqual([ids[0], ids[2]])
  expect([tokenizer.vocabSize, plain.tokenToId('<<A>>')]).toEqual([plain.vocabSize + 2, undefined])
})

test('the length that the files name is known', async () => {
  const lengthOf = async (name: string) => (await AutoTokenizer.fromPretrained(folder(name))).modelMaxLength
  expect([await lengthOf('bert'), await lengthOf('deberta-plain')]).toEqual([64, 96])
})
