import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportModel, pipeline, type Task, Tensor } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { afterAll, expect, test, vi } from 'vitest'
import { askPipelines } from './peers/ask-peer.js'
import { golden } from './testing/expected.fixture.js'

// Starting a library takes seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const root = await mkdtemp(join(tmpdir(), 'hfquant-pipelines-'))
afterAll(() => rm(root, { recursive: true, force: true }))

/** A golden with a tokenizer of a few words, which cuts texts at 24 tokens, and names for its classes. */
function encoder(name: string, classes?: readonly string[]): string {
  const folder = join(root, `${name}-${classes?.[0] ?? 'plain'}`)
  cpSync(golden(name), folder, { recursive: true })
  cpSync(golden('../tokenizer/words/tokenizer.json'), join(folder, 'tokenizer.json'))
  const tokens = { cls_token: '[CLS]', sep_token: '[SEP]', pad_token: '[PAD]', mask_token: '[MASK]' }
  const settings = { ...tokens, model_max_length: 24, tokenizer_class: 'PreTrainedTokenizerFast' }
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(settings))
  if (classes === undefined) return folder
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  const label2id = Object.fromEntries(classes.map((label, id) => [label, id]))
  const named = { ...config, id2label: { ...classes }, label2id }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(named))
  return folder
}

const TEXT = 'who lives there by the sea a small house'
const LONG = `${TEXT} `.repeat(2)
const greedy = { max_new_tokens: 16, do_sample: false }

const CASES: readonly {
  readonly task: Task
  readonly folder: string
  readonly calls: readonly (readonly unknown[])[]
}[] = [
  {
    task: 'text-generation',
    folder: demoModel,
    calls: [['One morning a girl', greedy]],
  },
  {
    task: 'feature-extraction',
    folder: encoder('bert'),
    calls: [
      [TEXT],
      [[TEXT, 'a house'], { pooling: 'mean', normalize: true }],
      [[TEXT, 'a house'], { pooling: 'cls' }],
      [TEXT, { pooling: 'last_token', quantize: true }],
      [[TEXT, 'by the sea'], { pooling: 'mean', quantize: true, precision: 'ubinary' }],
    ],
  },
  {
    task: 'text-classification',
    folder: encoder('bert-sequence'),
    calls: [
      [TEXT],
      [[TEXT, 'a house', LONG]],
      [TEXT, { top_k: null }],
      [[TEXT, 'a house'], { top_k: 2 }],
      [[TEXT, 'a house'], { top_k: 1 }],
    ],
  },
  {
    task: 'token-classification',
    folder: encoder('bert-token', ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']),
    calls: [
      [TEXT],
      [[TEXT, 'a house', LONG], { aggregation_strategy: 'simple' }],
      [TEXT, { ignore_labels: [] }],
      [TEXT, { ignore_labels: ['B-PER'], aggregation_strategy: 'simple' }],
    ],
  },
  {
    task: 'token-classification',
    folder: encoder('deberta-v2-token', ['O', 'S-A', 'E-A', 'A']),
    calls: [[[TEXT, 'a house'], { ignore_labels: [], aggregation_strategy: 'simple' }]],
  },
  {
    task: 'fill-mask',
    folder: encoder('bert-masked-lm'),
    calls: [['a [MASK] house'], [['a [MASK] house by the [MASK]', 'the [MASK]'], { top_k: 3 }]],
  },
]

const plain = (result: unknown) =>
  result instanceof Tensor ? { type: result.type, dims: result.dims, data: Array.from(result.data) } : result

/** The same, with numbers that may differ by what two orders of summation make. */
function closely(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value : expect.closeTo(value, 4)
  // Where a mask becomes a token without text, the library leaves both of its blanks.
  if (typeof value === 'string') return value.replace(/ {2,}/g, ' ').trim()
  if (Array.isArray(value)) return value.map(closely)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, closely(own)]))
}

test('pipelines give what those of @huggingface/transformers give, field by field', async () => {
  const requests = []
  for (const [index, { task, folder, calls }] of CASES.entries()) {
    const model = join(root, `onnx-${index}`)
    await exportModel(folder, model, { format: 'onnx' })
    requests.push({ task, model, calls })
  }
  const answers = await askPipelines(requests)
  for (const [index, { task, folder, calls }] of CASES.entries()) {
    await using own = await pipeline(task, folder, { compute: 'exact' })
    const run = own as unknown as (...call: readonly unknown[]) => Promise<unknown>
    const answer = answers[index]!
    expect(answer.error, task).toBeUndefined()
    const { results } = answer as { readonly results: readonly unknown[] }
    expect(results).toHaveLength(calls.length)
    for (const [place, call] of calls.entries()) {
      expect(plain(await run(...call)), `${task} of ${JSON.stringify(call)}`).toEqual(closely(results[place]))
    }
  }
})
