import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { demoModel, story, storyList, storyText } from './index.js'

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
