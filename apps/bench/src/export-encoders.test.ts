import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { checkEncoders, goldenEncoderCase } from './peers/check-encoders.js'
import { golden } from './testing/expected.fixture.js'

// Starting a library takes seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const root = await mkdtemp(join(tmpdir(), 'hfquant-encoders-'))
afterAll(() => rm(root, { recursive: true, force: true }))

/** Every family, and every head. */
const NAMES = [
  ...['bert', 'bert-masked-lm', 'bert-sequence', 'bert-token', 'roberta-masked-lm', 'xlm-roberta'],
  ...['distilbert', 'distilbert-sequence', 'electra-sequence', 'albert-sequence', 'mpnet', 'nomic_bert'],
  ...['deberta-v2-sequence', 'deberta-v2-token', 'modernbert', 'modernbert-masked-lm', 'modernbert-sequence'],
]

test('@huggingface/transformers computes encoders as Python does, padded in a batch', async () => {
  const cases = await Promise.all(NAMES.map((name) => goldenEncoderCase(golden(name), join(root, 'goldens'))))
  const types = ['fp32', 'fp16'] as const
  const verdicts = await checkEncoders(cases, root, types)
  const titles = types.flatMap((type) => NAMES.map((name) => `${name} in ${type}`))
  expect(verdicts).toEqual(titles.map((title) => ({ title, state: 'same', error: expect.any(Number) })))
})
