import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AutoModel, AutoModelForSequenceClassification, GLiNER } from 'hfquant'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { golden } from '../testing/run-cli.fixture.js'
import { runProgram } from '../testing/run-program.fixture.js'

const root = temporaryFolder()
const gliner = golden('gliner/deberta')
const TEXT = 'Ada Lovelace wrote to Charles Babbage in London on 5 June 1833.'

/** A golden with a tokenizer of a few words. */
function encoder(name: string, change: object = {}): string {
  const folder = join(root, name)
  cpSync(golden(`architectures/${name}`), folder, { recursive: true })
  cpSync(golden('tokenizer/words/tokenizer.json'), join(folder, 'tokenizer.json'))
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, ...change }))
  return folder
}

function fileWith(name: string, ...lines: readonly string[]): string {
  const path = join(root, name)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

describe('entities', () => {
  test('of labels are found by GLiNER, in texts of the command line and of files', async () => {
    await using model = await GLiNER.fromPretrained(gliner)
    const options = { threshold: 0.3, flatNer: false, multiLabel: true }
    const found = await model.batchPredictEntities(
      [TEXT, 'Ada'],
      ['person', 'organization', 'location'],
      options,
    )
    const args = [
      'entities',
      gliner,
      '--labels',
      'person, organization,location',
      '--threshold',
      '0.3',
      '--nested',
      '--multi-label',
    ]
    const expected = [
      { text: TEXT, entities: found[0] },
      { text: 'Ada', entities: found[1] },
    ]
    expect(JSON.parse(await runProgram(...args, '--json', TEXT, 'Ada'))).toEqual(expected)
    const lines = fileWith('texts.txt', TEXT, '', 'Ada')
    expect(JSON.parse(await runProgram(...args, '--json', '--file', lines))).toEqual(expected)
    const json = fileWith('texts.jsonl', JSON.stringify({ text: TEXT, id: 1 }), JSON.stringify('Ada'))
    expect(JSON.parse(await runProgram(...args, '--json', '--file', json))).toEqual(expected)
    const [heads, first] = (await runProgram(...args, TEXT)).split('\n')
    expect(heads!.split(/ +/).filter(Boolean)).toEqual(['start', 'end', 'score', 'label', 'entity'])
    expect(first).toContain(found[0]![0]!.text)
    const [numbered] = (await runProgram(...args, TEXT, TEXT)).split('\n')
    expect(numbered).toMatch(/^text /)
    expect(await runProgram('entities', gliner, '--labels', 'person', '--threshold', '1', TEXT)).toBe(
      'no entities\n',
    )
  })

  test('of classes are found by a model that has them', async () => {
    const id2label = { 0: 'O', 1: 'B-PER', 2: 'I-PER', 3: 'B-LOC', 4: 'I-LOC' }
    const folder = encoder('bert-token', { id2label })
    const text = 'who lives there by the sea'
    const [found] = JSON.parse(await runProgram('entities', folder, text, '--json'))
    expect(found.entities.length).toBeGreaterThan(0)
    for (const { label, start, end, text: word } of found.entities) {
      expect(['PER', 'LOC']).toContain(label)
      expect(text.slice(start, end)).toBe(word)
    }
    expect(await runProgram('entities', folder, text)).toMatch(/^start +end +score/)
  })

  test.each([
    ['LABELS_MISSING', [gliner, TEXT]],
    // Before the model is loaded, which would refuse this dtype.
    ['LABELS_MISSING', [gliner, TEXT, '--dtype', 'float31']],
    ['OPTIONS_EXCLUSIVE', [gliner, TEXT, '--nested']],
    ['OPTIONS_EXCLUSIVE', [gliner, TEXT, '--labels', 'a', '--file', 'texts.txt']],
    ['MODEL_CLASS', [golden('architectures/bert'), TEXT, '--labels', 'a']],
    ['TEXT_UNREADABLE', [gliner, '--labels', 'a', '--file', join(root, 'nowhere')]],
    ['commander.invalidArgument', [gliner, TEXT, '--labels', 'a,,b']],
    ['commander.invalidArgument', [gliner, TEXT, '--labels', 'a', '--threshold', '2']],
  ])('%s', async (code, args) => {
    await expect(runProgram('entities', ...args)).rejects.toMatchObject({ code })
  })
})

describe('embed', () => {
  test('makes a line of each vector, or one document', async () => {
    const folder = encoder('bert')
    const texts = fileWith('embed.txt', 'a small house', 'by the sea')
    await using model = await AutoModel.fromPretrained(folder)
    const vectors = (await model.embed(['a small house', 'by the sea'])).map((vector) => Array.from(vector))
    const lines = (await runProgram('embed', folder, texts)).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual(vectors)
    expect(JSON.parse(await runProgram('embed', folder, texts, '--json'))).toEqual({
      dimensions: 24,
      vectors,
    })
    const unit = await runProgram('embed', folder, texts, '--normalize')
    expect(Math.hypot(...JSON.parse(unit.split('\n')[0]!))).toBeCloseTo(1, 6)
    const refused = runProgram('embed', folder, texts, '--prompt-name', 'query')
    await expect(refused).rejects.toMatchObject({ code: 'PROMPT_UNKNOWN' })
  })

  test.each([
    ['TEXT_EMPTY', 'empty.txt', [' ', '']],
    ['TEXT_INVALID', 'broken.jsonl', ['"one"', '{"title": "two"}']],
    ['TEXT_INVALID', 'no.jsonl', ['one']],
  ])('%s for %s', async (code, name, lines) => {
    const refused = runProgram('embed', golden('architectures/bert'), fileWith(name, ...lines))
    await expect(refused).rejects.toMatchObject({
      name: 'ConfigError',
      code,
      hint: expect.stringContaining('.jsonl'),
    })
  })
})

test('a text is UTF-8, or refused; a byte order mark is no part of it', async () => {
  const folder = encoder('bert')
  const latin = join(root, 'latin.txt')
  writeFileSync(latin, Buffer.from('caf\xe9', 'latin1'))
  await expect(runProgram('embed', folder, latin)).rejects.toMatchObject({
    code: 'TEXT_ENCODING',
    file: latin,
  })
  await expect(runProgram('eval', folder, '--text', latin)).rejects.toMatchObject({ code: 'TEXT_ENCODING' })
  const [marked, plain] = [fileWith('marked.txt', '\ufeffhouse'), fileWith('plain.txt', 'house')]
  expect(await runProgram('embed', folder, marked)).toBe(await runProgram('embed', folder, plain))
})

describe('classify', () => {
  const folder = encoder('bert-sequence')

  test('ranks the classes of texts', async () => {
    await using model = await AutoModelForSequenceClassification.fromPretrained(folder)
    const [{ scores } = { scores: [] }] = await model.classify(['a small house'])
    const args = ['classify', folder, 'a small house']
    expect(JSON.parse(await runProgram(...args, '--json'))).toEqual([{ text: 'a small house', scores }])
    const [one] = JSON.parse(await runProgram(...args, '--json', '--top', '1'))
    expect(one.scores).toEqual(scores.slice(0, 1))
    const lines = (await runProgram(...args)).trimEnd().split('\n')
    expect(lines.map((line) => line.split(/ {2,}/)[1])).toEqual([
      'class',
      ...scores.map(({ label }) => label),
    ])
  })

  test('reads texts with a query as pairs', async () => {
    const reranker = encoder('xlm-roberta-sequence')
    await using model = await AutoModelForSequenceClassification.fromPretrained(reranker)
    const [pair] = await model.classify([{ text: 'who lives there', textPair: 'the sea' }])
    const found = await runProgram('classify', reranker, 'the sea', '--query', 'who lives there', '--json')
    expect(JSON.parse(found)).toEqual([{ text: 'the sea', scores: pair!.scores }])
  })

  test('takes long texts, and models of this kind alone', async () => {
    expect(await runProgram('classify', folder, 'a small house '.repeat(100))).toContain('…')
    await expect(runProgram('classify', gliner, TEXT)).rejects.toMatchObject({ hint: 'Load it with GLiNER.' })
  })
})
