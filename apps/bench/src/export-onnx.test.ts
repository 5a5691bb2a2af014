import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportModel } from 'hfquant'
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

// Starting a library takes seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const root = await mkdtemp(join(tmpdir(), 'hfquant-onnx-'))
afterAll(() => rm(root, { recursive: true, force: true }))

describe.each(['llama', 'llama-bias', 'llama-tied-rope3'])(
  '@huggingface/transformers computes %s',
  (name) => {
    test('as Python does, alone and as the padded row of a batch', async () => {
      const model = join(root, name)
      await exportModel(golden(name), model, { format: 'onnx' })
      const { sequences, logits, greedy } = await readExpected(name)
      const [prompt, longer] = [greedy.slice(0, 8), sequences[1]!.slice(0, 13)]
      const single = { model, sequences, greedy: { prompts: [prompt], count: 16 } }
      const found = await runPeer<number[][]>('transformers-js.mjs', single)
      expect(relativeError(found.logits, logits)).toBeLessThan(2e-5)
      expect(found.greedy).toEqual([greedy.slice(8)])
      const batch = { model, sequences: [], greedy: { prompts: [prompt, longer], count: 16 } }
      const { greedy: rows } = await runPeer<number[][]>('transformers-js.mjs', batch)
      expect(rows[0]).toEqual(greedy.slice(8))
    })

    test('nearly so in fp16', async () => {
      const model = join(root, `${name}-fp16`)
      await exportModel(golden(name), model, { format: 'onnx', type: 'fp16' })
      const { sequences, logits } = await readExpected(name)
      const found = await runPeer('transformers-js.mjs', { model, sequences })
      expect(relativeError(found.logits, logits)).toBeLessThan(5e-3)
    })
  },
)

const PROMPTS = ['Once upon a time', 'One morning a boy named Ben', 'The little dog']

test('a text is continued as hfquant does, with the tokenizer of the folder', async () => {
  const model = join(root, 'demo')
  await exportModel(demoModel, model, { format: 'onnx' })
  const { sequences } = await continuations(demoModel, PROMPTS, 24)
  const request = { model, sequences: [], greedy: { prompts: PROMPTS, count: 24 } }
  const { greedy } = await runPeer<number[][]>('transformers-js.mjs', request)
  expect(greedy).toEqual(sequences.map((ids) => ids.slice(-24)))
})

test('fp16 keeps three digits of the logits, alone and as padded rows of a batch', async () => {
  const model = join(root, 'demo-fp16')
  await exportModel(demoModel, model, { format: 'onnx', type: 'fp16' })
  const { sequences, logits } = await continuations(demoModel, PROMPTS, 32)
  for (const request of [{ model, sequences }, { model, sequences, batched: true } as const]) {
    const found = await runPeer('transformers-js.mjs', request)
    expectSameChoices(found.logits, logits)
    expect(relativeError(found.logits, flatten(logits))).toBeLessThan(5e-3)
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
    const found = await runPeer('transformers-js.mjs', { model, sequences })
    expectSameChoices(found.logits, logits)
    expect(relativeError(found.logits, flatten(logits))).toBeLessThan(bound)
  })
})

const flatten = (logits: readonly (readonly Float32Array[])[]): Float32Array =>
  Float32Array.from(logits.flat().flatMap((row) => [...row]))
