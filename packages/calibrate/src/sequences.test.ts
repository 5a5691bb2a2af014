import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Calibration } from '@hfquant/core'
import { afterAll, describe, expect, test } from 'vitest'
import type { CalibrationSettings } from './calibration-settings.js'
import { collectSequences } from './sequences.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-sequences-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)

const END = 1
/** A model whose tokens are the characters of a text. */
const model = {
  ...{ vocabSize: 256, maxPositions: 512, endToken: END },
  tokenize: async (text: string) => [...text].map((character) => character.charCodeAt(0)),
} as const

const DEFAULTS: CalibrationSettings = { dataset: [], samples: 128, sequenceLength: null, maxHiddenBytes: 0 }

async function collect(settings: Partial<CalibrationSettings>, changes: Partial<Calibration> = {}) {
  const calibration = { ...model, ...changes } as unknown as Calibration
  const sequences = await collectSequences({ ...DEFAULTS, ...settings }, calibration)
  return sequences.map((sequence) => [...sequence])
}

const tokens = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => first + (index % 100))

describe('calibration data', () => {
  const stories = ['Once upon a time\nthere was a cat.', 'It sat.', 'A dog came by. '.repeat(9).trim()]

  test('is the same from a list, a text file, a JSONL file and an async source', async () => {
    await writeFile(at('stories.txt'), `${stories.join('\n\n')}\n`)
    await writeFile(at('stories.jsonl'), stories.map((text) => `${JSON.stringify({ text })}\n`).join(''))
    await writeFile(at('strings.JSONL'), stories.map((text) => JSON.stringify(text)).join('\r\n\r\n'))
    async function* source() {
      yield* stories
    }
    const options = { sequenceLength: 50 }
    const list = await collect({ ...options, dataset: stories })
    expect(list.flat()).toHaveLength(stories.join('').length + stories.length)
    for (const name of ['stories.txt', 'stories.jsonl', 'strings.JSONL']) {
      expect(await collect({ ...options, dataset: { file: at(name) } })).toEqual(list)
    }
    expect(await collect({ ...options, dataset: source() })).toEqual(list)
  })

  test('of texts is joined, each with its end, and cut into sequences of equal length', async () => {
    const dataset = ['a'.repeat(40), 'b'.repeat(40)]
    const sequences = await collect({ dataset, sequenceLength: 32 })
    expect(sequences.map(({ length }) => length)).toEqual([32, 32, 18])
    const [a, b] = ['a', 'b'].map((letter) => letter.charCodeAt(0))
    expect(sequences.flat()).toEqual([...Array(40).fill(a), END, ...Array(40).fill(b), END])
  })

  test('has no end where the tokenizer sets one, or the model has none', async () => {
    const ended = async (text: string) => [...(await model.tokenize(text)), END]
    const dataset = ['a'.repeat(70)]
    expect((await collect({ dataset }, { tokenize: ended })).flat()).toHaveLength(71)
    expect((await collect({ dataset }, { endToken: undefined })).flat()).toHaveLength(70)
  })

  test('of token ids is taken as it is, as far as the model reads', async () => {
    const dataset = [tokens(70), tokens(3), [], tokens(600, 100)]
    const sequences = await collect({ dataset, sequenceLength: 8 })
    expect(sequences).toEqual([tokens(70), tokens(3), tokens(600, 100).slice(0, 512)])
  })

  test('ends with the last sequence that is asked for: no more of a source is read', async () => {
    let read = 0
    async function* endless() {
      for (;;) {
        read += 1
        yield 'x'.repeat(100)
      }
    }
    const sequences = await collect({ dataset: endless(), samples: 5, sequenceLength: 64 })
    expect(sequences.map(({ length }) => length)).toEqual([64, 64, 64, 64, 64])
    expect(read).toBe(4)
  })

  test('may be one text, of more tokens than a call takes arguments', async () => {
    const settings = { dataset: ['x'.repeat(300_000)], sequenceLength: 512, samples: 1000 }
    const lengths = (await collect(settings)).map(({ length }) => length)
    expect([lengths.length, lengths.at(-1)]).toEqual([586, 300_001 - 585 * 512])
  })

  test('leaves out a remainder that is too short to say anything', async () => {
    const lengths = async (text: string) => {
      const settings = { dataset: [text], sequenceLength: 64 }
      return (await collect(settings, { endToken: undefined })).map(({ length }) => length)
    }
    expect(await lengths('x'.repeat(73))).toEqual([64])
    expect(await lengths('x'.repeat(74))).toEqual([64, 10])
  })
})

describe('what does not calibrate is refused', () => {
  const nowhere = at('nowhere.txt')
  test.each<[string, CalibrationSettings['dataset'], object]>([
    ['an empty list', [], { code: 'CALIBRATION_EMPTY' }],
    ['a few tokens', [[1, 2, 3]], { code: 'CALIBRATION_TOO_SHORT', found: 3 }],
    ['a word', ['once'], { code: 'CALIBRATION_TOO_SHORT', found: 5 }],
    ['a token outside of the vocabulary', [[1, 256]], { code: 'TOKEN_OUT_OF_RANGE', found: 256 }],
    ['a token that is no index', [tokens(70), [0.5]], { code: 'TOKEN_OUT_OF_RANGE', found: 0.5 }],
    [
      'a row of a table',
      (async function* () {
        yield { text: 'once' } as never
      })(),
      { code: 'CALIBRATION_SAMPLE', found: { text: 'once' } },
    ],
    ['a file that is not there', { file: nowhere }, { code: 'CALIBRATION_FILE', file: nowhere }],
  ])('%s', async (_, dataset, refused) => {
    await expect(collect({ dataset })).rejects.toMatchObject({
      ...{ name: 'ConfigError', field: 'dataset', hint: expect.any(String) },
      ...refused,
    })
  })

  test('a line of JSON that holds no text, by its number', async () => {
    await writeFile(at('lines.jsonl'), '{"text": "one"}\n\n{"txt": "two"}\n')
    await expect(collect({ dataset: { file: at('lines.jsonl') } })).rejects.toMatchObject({
      ...{ code: 'CALIBRATION_FILE', found: '{"txt": "two"}' },
      message: expect.stringContaining('line 3 of'),
    })
  })
})
