import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoTokenizer, exportModel } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { askPeerOnce } from './peers/ask-peer.js'
import { checkGguf } from './peers/check-gguf.js'
import { relativeError } from './peers/expected.js'
import { goldenCase } from './peers/export-cases.js'
import { copyBlockRounded } from './testing/block-rounded.fixture.js'
import { continuations, expectSameChoices, golden } from './testing/expected.fixture.js'
import { toSentencePiece } from './testing/sentence-piece.fixture.js'

// Starting a library takes seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const root = await mkdtemp(join(tmpdir(), 'hfquant-gguf-'))
afterAll(() => rm(root, { recursive: true, force: true }))

/** What differs most between families; a wrong order of rows, a wrong norm or a wrong rope loads as well. */
test('llama.cpp computes families as Python does', async () => {
  const names = [
    ...[
      'llama',
      'llama-bias',
      'llama-tied-rope3',
      'gpt2',
      'gpt_neox',
      'gemma3_text',
      'phi3',
      'phi3-longrope',
    ],
    ...[
      'cohere',
      'bloom',
      'olmo3',
      'ministral3',
      'apertus',
      'mistral-window',
      'gemma4_text',
      'gemma4_text-moe',
    ],
    ...['granitemoe', 'granitemoehybrid-attention', 'gpt_oss', 'deepseek_v2', 'old-deepseek_v3'],
  ]
  const cases = await Promise.all(names.map((name) => goldenCase(golden(name), join(root, 'goldens'))))
  const verdicts = await checkGguf(cases, root)
  expect(verdicts).toEqual(names.map((title) => ({ title, state: 'same', error: expect.any(Number) })))
})

const PROMPTS = ['Once upon a time', 'One morning a boy named Ben', 'The little dog']

describe.each(['Q8_0', 'Q4_0'] as const)('llama.cpp computes the demo model in %s', (type) => {
  test('as the numbers in the file say', async () => {
    const model = join(root, `demo-${type}.gguf`)
    await exportModel(demoModel, model, { format: 'gguf', type, pure: true })
    const rounded = join(root, `demo-${type}`)
    await copyBlockRounded(demoModel, rounded, type, 'rounded')
    const { sequences, logits } = await continuations(rounded, PROMPTS, 32)
    const found = await askPeerOnce('llama-cpp', { model, sequences })
    expectSameChoices(found.logits, logits)
    expect(relativeError(found.logits, logits)).toBeLessThan(2e-2)
  })
})

const TEXTS = [
  'Once upon a time, there was a girl who said: "I don\'t know!"',
  'In 1999, 42 dogs ran.\nThey were happy.\n\nThe end.',
  'two  spaces   three, a\ttab, trailing ',
  'Äpfel, 日本語, 😀',
]

describe('llama.cpp splits texts into the tokens of the tokenizer', () => {
  test.each([
    ['of bytes', (tokenizer: object) => tokenizer],
    ['of characters with a fallback to bytes', toSentencePiece],
  ])('%s', async (name, convert) => {
    const folder = join(root, `tokens ${name}`)
    await cp(demoModel, folder, { recursive: true })
    const path = join(folder, 'tokenizer.json')
    await writeFile(path, JSON.stringify(convert(JSON.parse(await readFile(path, 'utf8')))))
    const model = join(root, `${name}.gguf`)
    await exportModel(folder, model, { format: 'gguf', type: 'Q4_0' })
    const tokenizer = await AutoTokenizer.fromPretrained(folder)
    const expected = TEXTS.map((text) => tokenizer.encode(text, { addSpecialTokens: false }))
    const { tokenized } = await askPeerOnce('llama-cpp', { model, sequences: [], texts: TEXTS })
    expect(tokenized).toEqual(expected)
  })
})
