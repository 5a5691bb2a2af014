import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
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

interface EncoderSettings {
  readonly classes?: readonly string[]
  /** Tokens at which the tokenizer cuts texts; undefined: it names no limit. */
  readonly limit?: number
  /** Whether a token stands behind a text. Where that library cuts a text, it cuts that one off as well. */
  readonly ends?: boolean
}

/** A golden with a tokenizer that has a word for each of its tokens, and names for its classes. */
function encoder(name: string, { classes, limit, ends = true }: EncoderSettings = {}): string {
  const folder = mkdtempSync(join(root, `${name}-`))
  cpSync(golden(name), folder, { recursive: true })
  const config = readJson(join(folder, 'config.json'))
  const tokenizer = readJson(golden('../tokenizer/words/tokenizer.json'))
  for (let id = Object.keys(tokenizer.model.vocab).length; id < config.vocab_size; id++)
    tokenizer.model.vocab[`word${id}`] = id
  if (!ends) tokenizer.post_processor = ONLY_BEGINS
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
  const settings = { ...TOKENS, model_max_length: limit, tokenizer_class: 'BertTokenizer' }
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(settings))
  if (classes === undefined) return folder
  const label2id = Object.fromEntries(classes.map((label, id) => [label, id]))
  const named = { ...config, id2label: { ...classes }, label2id }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(named))
  return folder
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

/** That library takes from here, and not from tokenizer.json, what stands for words that it does not know. */
const TOKENS = {
  ...{ cls_token: '[CLS]', sep_token: '[SEP]', pad_token: '[PAD]' },
  ...{ mask_token: '[MASK]', unk_token: '[UNK]' },
}

const ONLY_BEGINS = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: { '[CLS]': { id: '[CLS]', ids: [1], tokens: ['[CLS]'] } },
}

const TEXT = 'who lives there by the sea a small house'
/** Longer than the 40 positions of the models. */
const LONG = `${TEXT} `.repeat(5)
const LABELS = ['house', 'sea', 'query']
const CHAT = [{ role: 'user', content: 'One morning a girl' }]
const TEMPLATE = '{{ bos_token }}{{ messages[0].content }} named'
const greedy = { max_new_tokens: 16, do_sample: false }

const CASES: readonly {
  readonly task: Task
  readonly folder: string
  readonly calls: readonly (readonly unknown[])[]
}[] = [
  {
    task: 'feature-extraction',
    folder: encoder('bert', { limit: 24, ends: false }),
    calls: [
      [TEXT],
      [[LONG, 'a house'], { pooling: 'mean', normalize: true }],
      [[TEXT, 'a house'], { pooling: 'cls' }],
      [TEXT, { pooling: 'last_token', quantize: true }],
      [[TEXT, 'by the sea'], { pooling: 'mean', quantize: true, precision: 'ubinary' }],
    ],
  },
  {
    task: 'text-classification',
    folder: encoder('bert-sequence', { limit: 24, ends: false }),
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
    folder: encoder('bert-token', { classes: ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC'], ends: false }),
    calls: [
      [TEXT],
      [[TEXT, 'a house', LONG], { aggregation_strategy: 'simple' }],
      [TEXT, { ignore_labels: [] }],
      [TEXT, { ignore_labels: ['B-PER'], aggregation_strategy: 'simple' }],
    ],
  },
  {
    task: 'token-classification',
    folder: encoder('deberta-v2-token', { classes: ['O', 'S-A', 'E-A', 'A'] }),
    calls: [[[TEXT, 'a house'], { ignore_labels: [], aggregation_strategy: 'simple' }]],
  },
  {
    task: 'fill-mask',
    folder: encoder('bert-masked-lm'),
    calls: [['a [MASK] house'], [['a [MASK] house by the [MASK]', 'the [MASK]'], { top_k: 3 }]],
  },
  {
    task: 'zero-shot-classification',
    folder: encoder('bert-sequence', { classes: ['contradiction', 'neutral', 'entailment'] }),
    calls: [
      [TEXT, LABELS],
      [[TEXT, 'a house'], LABELS, { multi_label: true }],
      [TEXT, 'sea', { hypothesis_template: 'by the {}' }],
    ],
  },
  {
    task: 'text-generation',
    folder: demoModel,
    calls: [
      ['One morning a girl', greedy],
      // Neither of them ends before the other: that library would go on behind its end.
      [['One morning a girl', 'One morning a boy named Ben'], { ...greedy, return_full_text: false }],
      [CHAT, { ...greedy, chat_template: TEMPLATE }],
      [[CHAT, CHAT], { ...greedy, chat_template: TEMPLATE, repetition_penalty: 1.5 }],
    ],
  },
]

const plain = (result: unknown) =>
  result instanceof Tensor ? { type: result.type, dims: result.dims, data: Array.from(result.data) } : result

/** Entities without their places, which that library does not tell. */
function withoutPlaces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPlaces)
  const { start, end, ...entity } = value as { readonly start: number; readonly end: number }
  expect(end, JSON.stringify(value)).toBeGreaterThan(start)
  return entity
}

/** The same, with numbers that may differ by what two orders of summation make. */
function closely(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value : expect.closeTo(value, 4)
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
      const result = plain(await run(...call))
      const found = task === 'token-classification' ? withoutPlaces(result) : result
      expect(found, `${task} of ${JSON.stringify(call)}`).toEqual(closely(results[place]))
    }
  }
})
