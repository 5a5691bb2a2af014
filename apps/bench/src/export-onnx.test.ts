import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportModel } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { askPeerOnce } from './peers/ask-peer.js'
import { checkOnnx } from './peers/check-onnx.js'
import { relativeError } from './peers/expected.js'
import { goldenCase } from './peers/export-cases.js'
import { copyBlockRounded } from './testing/block-rounded.fixture.js'
import { continuations, expectSameChoices, golden } from './testing/expected.fixture.js'

// Starting a library takes seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const root = await mkdtemp(join(tmpdir(), 'hfquant-onnx-'))
afterAll(() => rm(root, { recursive: true, force: true }))

/** What differs most between families. */
const NAMES = [
  ...['llama', 'llama-bias', 'llama-tied-rope3', 'gpt2', 'gpt_neox', 'gemma3_text', 'phi3', 'phi3-longrope'],
  ...['cohere', 'bloom', 'falcon', 'falcon-alibi', 'gpt_bigcode', 'gpt_neo', 'stablelm-qknorm', 'apertus'],
  ...['gemma4_text', 'gpt_oss', 'deepseek_v3', 'granitemoehybrid-attention'],
]

test('@huggingface/transformers computes families as Python does', async () => {
  const cases = await Promise.all(NAMES.map((name) => goldenCase(golden(name), join(root, 'goldens'))))
  const types = ['fp32', 'fp16'] as const
  const verdicts = await checkOnnx(cases, root, types)
  const titles = types.flatMap((type) => NAMES.map((name) => `${name} in ${type}`))
  expect(verdicts).toEqual(titles.map((title) => ({ title, state: 'same', error: expect.any(Number) })))
})

const PROMPTS = ['Once upon a time', 'One morning a boy named Ben', 'The little dog']

test('a text is continued as hfquant does, with the tokenizer of the folder', async () => {
  const model = join(root, 'demo')
  await exportModel(demoModel, model, { format: 'onnx' })
  const { sequences } = await continuations(demoModel, PROMPTS, 24)
  const request = { model, sequences: [], greedy: { prompts: PROMPTS, count: 24 } }
  const { greedy } = await askPeerOnce<number[][]>('transformers-js', request)
  expect(greedy).toEqual(sequences.map((ids) => ids.slice(-24)))
})

test('fp16 keeps three digits of the logits, alone and as padded rows of a batch', async () => {
  const model = join(root, 'demo-fp16')
  await exportModel(demoModel, model, { format: 'onnx', type: 'fp16' })
  const { sequences, logits } = await continuations(demoModel, PROMPTS, 32)
  for (const request of [{ model, sequences }, { model, sequences, batched: true } as const]) {
    const found = await askPeerOnce('transformers-js', request)
    expectSameChoices(found.logits, logits)
    expect(relativeError(found.logits, logits)).toBeLessThan(5e-3)
  }
})

describe.each([
  ['q8', 'Q8_0', 1e-2],
  ['q4', 'Q4_0', 2.5e-2],
  ['q4f16', 'Q4_0', 2.5e-2],
] as const)('@huggingface/transformers computes the demo model in %s', (type, blocks, bound) => {
  test('as the numbers in the file say; the folder loads without options', async () => {
    const model = join(root, `demo-${type}`)
    await exportModel(demoModel, model, { format: 'onnx', type, pure: true })
    const rounded = join(root, `demo-rounded-${type}`)
    await copyBlockRounded(demoModel, rounded, blocks, 'kept for looking up')
    const { sequences, logits } = await continuations(rounded, PROMPTS, 32)
    const found = await askPeerOnce('transformers-js', { model, sequences })
    expectSameChoices(found.logits, logits)
    expect(relativeError(found.logits, logits)).toBeLessThan(bound)
  })
})
