import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { golden } from './testing/golden.fixture.js'
import { createGuardedOpener } from './testing/guarded-opener.fixture.js'
import { edits, mutateBytes } from './testing/mutate-bytes.fixture.js'
import { type Json, jsonEdits, mutateJson } from './testing/mutate-json.fixture.js'

/**
 * Whole folders with one damaged file: each is opened, or refused by a typed error, within two seconds and 64 MiB, and
 * nothing in the folder changes. `HFQUANT_FUZZ_RUNS=20000` for a long run of every kind; its seed is random, and printed
 * when it fails.
 */
const longRuns = process.env.HFQUANT_FUZZ_RUNS
const timeout = longRuns ? 24 * 3600 * 1000 : 120_000
const settings = longRuns ? { numRuns: Number(longRuns) } : { numRuns: 60, seed: 7 }

const parent = mkdtempSync(join(tmpdir(), 'hfquant-folders-'))
const cache = join(parent, 'cache')
const opener = createGuardedOpener({ ...process.env, HFQUANT_CACHE: cache, HF_HUB_OFFLINE: '1' })
afterAll(async () => {
  await opener.close()
  rmSync(parent, { recursive: true, force: true })
})

const TEMPLATE = `{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}
{%- else %}{{ message.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'A:' }}{% endif %}`

/** Pieces that mean something in a template. */
const jinja = [
  '{{',
  '}}',
  '{%',
  '%}',
  '{#',
  "'",
  '|',
  'loop.index',
  'range(9)',
  'endfor',
  'if',
  '[',
  ']',
  ' ~ ',
  'namespace()',
  '-',
  '.',
  '*',
  '(',
  ')',
  'x',
]
const templateEdits = fc.array(
  fc.record({ at: fc.nat(2 ** 24), remove: fc.nat(12), insert: fc.constantFrom(...jinja) }),
  { minLength: 1, maxLength: 5 },
)

/** Copies a model, with what texts need. */
async function folderOf(model: string, name: string): Promise<string> {
  const folder = join(parent, name)
  await cp(model, folder, { recursive: true })
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    await cp(join(demoModel, file), join(folder, file))
  await writeFile(join(folder, 'chat_template.jinja'), TEMPLATE)
  return folder
}

const tinyLlama = (name: string) => golden(`torchao/tiny-llama/${name}`)

/** Damages one file in every way of `changes`; the folder is sound before. */
async function damage<Change>(
  folder: string,
  {
    file,
    texts = false,
    changes,
    mutate,
  }: {
    readonly file: string
    readonly texts?: boolean
    readonly changes: fc.Arbitrary<Change>
    readonly mutate: (bytes: Buffer, change: Change) => Buffer | string
  },
): Promise<void> {
  const path = join(folder, file)
  const bytes = readFileSync(path)
  const files = await readdir(folder)
  expect(await opener.fault(folder, texts)).toBeUndefined()
  await fc.assert(
    fc.asyncProperty(changes, async (change) => {
      await writeFile(path, mutate(bytes, change))
      expect(await opener.fault(folder, texts)).toBeUndefined()
      expect(await readdir(folder)).toEqual(files)
      expect(await readdir(cache).catch(() => [])).toEqual([])
    }),
    settings,
  )
}

const json = (root: readonly string[] = []) => ({
  changes: jsonEdits,
  mutate: (bytes: Buffer, change: Parameters<typeof mutateJson>[1]) =>
    mutateJson(JSON.parse(bytes.toString()) as Json, change, root),
})

const whole = (bytes: Buffer) => [[0, bytes.length]] as const
const header = (bytes: Buffer) => [[0, 8 + Number(bytes.readBigUInt64LE(0))]] as const
const zipEnds = (bytes: Buffer) =>
  [
    [0, 12_000],
    [bytes.length - 4000, bytes.length],
  ] as const

const inBytes = (regions: (bytes: Buffer) => readonly (readonly [number, number])[]) => ({
  changes: edits,
  mutate: (bytes: Buffer, change: Parameters<typeof mutateBytes>[1]) =>
    mutateBytes(bytes, change, regions(bytes)),
})

describe('a folder with a damaged file is opened, or refused by a typed error, in time', { timeout }, () => {
  test.each([
    ['config', 'int8-weight-only', 'config.json', json()],
    ['quantization', 'int8-weight-only', 'config.json', json(['quantization_config'])],
    ['config-bytes', 'int8-weight-only', 'config.json', inBytes(whole)],
    ['index', 'int8-weight-only-sharded', 'model.safetensors.index.json', json()],
    ['safetensors', 'bf16', 'model.safetensors', inBytes(header)],
    ['pickle', 'int8-dynamic-act-int4-weight-bin', 'pytorch_model-00001-of-00001.bin', inBytes(zipEnds)],
  ] as const)('%s', async (name, model, file, mutation) => {
    const folder = await folderOf(tinyLlama(model), name)
    await damage(folder, { file, ...mutation } as Parameters<typeof damage>[1])
  })

  test.each([
    ['tokenizer', 'tokenizer.json', json()],
    ['tokenizer-config', 'tokenizer_config.json', json()],
  ] as const)('%s', async (name, file, mutation) => {
    const folder = await folderOf(tinyLlama('bf16'), name)
    await damage(folder, { file, texts: true, ...mutation })
  })

  test('chat template', async () => {
    const folder = await folderOf(tinyLlama('bf16'), 'template')
    await damage(folder, {
      file: 'chat_template.jinja',
      texts: true,
      changes: templateEdits,
      mutate: (bytes, changes) =>
        changes.reduce((text, { at, remove, insert }) => {
          const position = at % (text.length + 1)
          return text.slice(0, position) + insert + text.slice(position + remove)
        }, bytes.toString()),
    })
  })
})
