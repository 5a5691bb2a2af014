import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { demoGliner, demoModel, labelledTexts, story, storyList, storyText } from './index.js'

const digest = (text: string) => createHash('sha256').update(text).digest('hex')

describe('stories', () => {
  // Digests of the generator that wrote the training text of the bundled weights.
  it.each([
    [2, 200, '12a2ee25f92ae3584b447d3ebd57967ba7f8bd8e03ca5a08497d58d9b2c436c1'],
    [1, 300, '2178e3ffc0d78659b3061c98a6bc2ba377bee2c5fd8c2483362cc0385b67176a'],
    [3, 128, '6a3d0329d3d8e6a9a9bce8ac980616b00e74e4f9f768596436a74ad4cd2c92c7'],
  ])(
    'writes the very text the demo model was measured with: seed %i, %i stories',
    (seed, stories, expected) => {
      expect(digest(storyText({ seed, stories }))).toBe(expected)
    },
  )

  it('lists the same stories that the text holds', () => {
    const list = storyList({ seed: 2, stories: 5 })
    expect(`${list.join('\n\n')}\n`).toBe(storyText({ seed: 2, stories: 5 }))
  })

  it('begins alike however many stories are asked for', () => {
    expect(storyList({ seed: 7, stories: 20 }).slice(0, 3)).toEqual(storyList({ seed: 7, stories: 3 }))
  })

  it('makes one paragraph from any source of numbers', () => {
    let draws = 0
    const text = story(() => (draws++ % 97) / 97)
    expect(text).toMatch(/^[A-Z][^\n]*\.$/)
  })
})

describe('labelled texts', () => {
  // Digests of the generator that wrote the texts which the bundled model was trained on and measured with.
  it.each([
    [{ seed: 900001 }, '9c0f8800dd6a18cdece0a93e5abbe23d463cb11de0bc956a1946c242064a9c41'],
    [{ seed: 900002, from: 'test' }, 'ae0228c5e3d2b735966e92c0d840a4a947985099bab252e34f3bbf000240942e'],
    [
      { seed: 900003, from: 'test', labels: 'recombined' },
      '7a646d1fa93dfc318b882e75d47964043cb6e2e175c6ba06e6b01e95a5fdead4',
    ],
    [
      { seed: 900005, from: 'test', nested: true },
      'f3c5711c48e2e34fb6e1fc6389f4a1f50a106862731f10d06c63494a443e80a1',
    ],
  ] as const)('%j are the very texts that the model was measured with', (options, expected) => {
    const texts = labelledTexts({ ...options, count: 50 })
    expect(digest(JSON.stringify(texts))).toBe(expected)
    expect(labelledTexts({ ...options, count: 3 })).toEqual(texts.slice(0, 3))
  })
})

describe('demoGliner', () => {
  it('is the absolute path of a folder that GLiNER loads', () => {
    expect(isAbsolute(demoGliner)).toBe(true)
    const files = ['gliner_config.json', 'model.safetensors', 'tokenizer.json', 'words.json']
    for (const file of files) expect(existsSync(join(demoGliner, file)), file).toBe(true)
  })
})

describe('demoModel', () => {
  it('is the absolute path of a folder in Hugging Face layout', () => {
    expect(isAbsolute(demoModel)).toBe(true)
    for (const file of [
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
      'generation_config.json',
    ]) {
      expect(existsSync(join(demoModel, file)), file).toBe(true)
    }
    const config = JSON.parse(readFileSync(join(demoModel, 'config.json'), 'utf8'))
    expect(config).toMatchObject({ model_type: 'llama', hidden_size: 256, vocab_size: 1024 })
  })
})
