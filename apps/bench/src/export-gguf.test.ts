import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoTokenizer, exportModel } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { copyBlockRounded } from './testing/block-rounded.fixture.js'
import {
  continuations,
  expectSameChoices,
  golden,
  readExpected,
  relativeError,
} from './testing/expected.fixture.js'
import { runPeer } from './testing/run-peer.fixture.js'
import { toSentencePiece } from './testing/sentence-piece.fixture.js'

// Starting a library takes seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const root = await mkdtemp(join(tmpdir(), 'hfquant-gguf-'))
afterAll(() => rm(root, { recursive: true, force: true }))

/** The models come without a tokenizer, and llama.cpp loads none without: `<s>`, `</s>`, `t2`, `t3`, … */
async function withTokenizer(name: string): Promise<string> {
  const folder = join(root, name)
  await cp(golden(name), folder, { recursive: true })
  const added_tokens = ['<s>', '</s>'].map((content, id) => ({ id, content, special: true }))
  const vocab = Object.fromEntries(
    Array.from({ length: 128 }, (_, id) => [added_tokens[id]?.content ?? `t${id}`, id]),
  )
  const pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false, use_regex: true }
  const tokenizer = { added_tokens, pre_tokenizer, model: { type: 'BPE', vocab, merges: [] } }
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
  return folder
}

/** Rotated heads in another order, biases, a stretched rotation, tied embeddings: all wrong ones load, too. */
describe.each(['llama', 'llama-bias', 'llama-tied-rope3'])('llama.cpp computes %s in F16', (name) => {
  test('as Python does', async () => {
    const model = join(root, `${name}.gguf`)
    await exportModel(await withTokenizer(name), model, { format: 'gguf', type: 'F16' })
    const { sequences, logits, greedy } = await readExpected(name)
    const request = { model, sequences, greedy: { prompt: greedy.slice(0, 8), count: 16 } }
    const found = await runPeer<number[]>('llama-cpp.mjs', request)
    expect(relativeError(found.logits, logits)).toBeLessThan(2e-3)
    expect(found.greedy).toEqual(greedy.slice(8))
  })
})

const PROMPTS = ['Once upon a time', 'One morning a boy named Ben', 'The little dog']

describe.each(['Q8_0', 'Q4_0'] as const)('llama.cpp computes the demo model in %s', (type) => {
  test('as the numbers in the file say', async () => {
    const model = join(root, `demo-${type}.gguf`)
    await exportModel(demoModel, model, { format: 'gguf', type, pure: true })
    const rounded = join(root, `demo-${type}`)
    await copyBlockRounded(demoModel, rounded, type, 'rounded')
    const { sequences, logits } = await continuations(rounded, PROMPTS, 32)
    const found = await runPeer('llama-cpp.mjs', { model, sequences })
    expectSameChoices(found.logits, logits)
    const flat = Float32Array.from(logits.flat().flatMap((row) => [...row]))
    expect(relativeError(found.logits, flat)).toBeLessThan(2e-2)
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
    const { tokenized } = await runPeer('llama-cpp.mjs', { model, sequences: [], texts: TEXTS })
    expect(tokenized).toEqual(expected)
  })
})
