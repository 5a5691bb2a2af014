import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { chmod, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { cacheFolder } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { createGuardedOpener, type FolderUse } from './testing/guarded-opener.fixture.js'
import { edits, mutateBytes } from './testing/mutate-bytes.fixture.js'
import { type Json, jsonEdits, mutateJson } from './testing/mutate-json.fixture.js'

/**
 * Whole folders, and compiled models of the cache, with one damaged file: each is opened, and every eighth computes with
 * what it opened, or is refused by a typed error, within two seconds and 64 MiB, and nothing in the folder changes.
 * `HFQUANT_FUZZ_RUNS=2000` for so many of every kind; the seed is random then, and printed when a run fails.
 */
const longRuns = process.env.HFQUANT_FUZZ_RUNS
const timeout = longRuns ? 24 * 3600 * 1000 : 120_000
const runs = Number(longRuns ?? 16)
const seed = longRuns === undefined ? { seed: 7 } : {}
/** Computing takes a hundred times as long as opening. */
const COMPUTING = 8

const parent = mkdtempSync(join(tmpdir(), 'hfquant-folders-'))
const HFQUANT_CACHE = join(parent, 'cache')
const cache = cacheFolder({ HFQUANT_CACHE })
const opener = createGuardedOpener(HFQUANT_CACHE)
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

const tokenizers = { demo: demoModel, characters: golden('tokenizer/characters') }

/** Copies a model, with what texts need: its tokens are characters, or those of the demo model, of which it lacks some. */
async function folderOf(model: string, tokenizer: keyof typeof tokenizers = 'characters'): Promise<string> {
  const folder = await mkdtemp(join(parent, 'model-'))
  await cp(golden(model), folder, { recursive: true })
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    await cp(join(tokenizers[tokenizer], file), join(folder, file))
  await writeFile(join(folder, 'chat_template.jinja'), TEMPLATE)
  return folder
}

/** One way to damage a file; `change` is what a failure prints. */
interface Damage {
  readonly change: unknown
  readonly apply: (bytes: Buffer) => Buffer | string
}

const damages = <Change>(
  changes: fc.Arbitrary<Change>,
  mutate: (bytes: Buffer, change: Change) => Buffer | string,
): fc.Arbitrary<Damage> => changes.map((change) => ({ change, apply: (bytes) => mutate(bytes, change) }))

/** Damages one file in many ways; the folder is sound before. */
async function damage(
  folder: string,
  file: string,
  ways: fc.Arbitrary<Damage>,
  use: FolderUse = 'inspect',
): Promise<void> {
  const path = join(folder, file)
  const bytes = readFileSync(path)
  const files = await readdir(folder)
  for (const how of [use, 'compute'] as const) expect(await opener.use(folder, how)).toHaveProperty('result')
  await fc.assert(
    fc.asyncProperty(ways, fc.integer({ min: 1, max: COMPUTING }), async ({ apply }, turn) => {
      await writeFile(path, apply(bytes))
      const { fault } = await opener.use(folder, turn === COMPUTING ? 'compute' : use)
      expect(fault).toBeUndefined()
      expect(await readdir(folder)).toEqual(files)
    }),
    { ...seed, numRuns: runs },
  )
}

/** Damages one file of a compiled model in many ways: the model answers as before. */
async function damageCompiled(file: string, ways: fc.Arbitrary<Damage>): Promise<void> {
  const folder = await folderOf('gptq/tiny-llama-gptq-w4-g32-desc-act')
  await rm(cache, { recursive: true, force: true })
  const use = () => opener.use(folder, 'compute from the cache')
  const truth = await use()
  expect(truth).toHaveProperty('result')
  const sound = await mkdtemp(join(parent, 'cache-'))
  await cp(cache, sound, { recursive: true })
  const path = (await readdir(cache, { recursive: true })).find((name) => basename(name) === file)!
  const bytes = readFileSync(join(cache, path))
  await fc.assert(
    fc.asyncProperty(ways, async ({ apply }) => {
      await rm(cache, { recursive: true })
      await cp(sound, cache, { recursive: true })
      await chmod(cache, 0o700)
      await chmod(join(cache, path), 0o600)
      await writeFile(join(cache, path), apply(bytes))
      expect(await use()).toEqual(truth)
    }),
    { ...seed, numRuns: Math.ceil(runs / COMPUTING) },
  )
}

const json = (root: readonly string[] = []) =>
  damages(jsonEdits, (bytes, change) => mutateJson(JSON.parse(bytes.toString()) as Json, change, root))

const whole = (bytes: Buffer) => [[0, bytes.length]] as const
const header = (bytes: Buffer) => [[0, 8 + Number(bytes.readBigUInt64LE(0))]] as const
const zipEnds = (bytes: Buffer) =>
  [
    [0, 12_000],
    [bytes.length - 4000, bytes.length],
  ] as const

const inBytes = (regions: (bytes: Buffer) => readonly (readonly [number, number])[]) =>
  damages(edits, (bytes, change) => mutateBytes(bytes, change, regions(bytes)))

/** Nothing moves: files whose length is checked get further so. */
const inPlace = (regions: (bytes: Buffer) => readonly (readonly [number, number])[]) =>
  damages(edits, (bytes, change) => {
    const written = change.map((edit) => ({ ...edit, remove: edit.insert.length }))
    return mutateBytes(bytes, written, regions(bytes)).subarray(0, bytes.length)
  })

/** What bitsandbytes notes of a weight: JSON, in a tensor of bytes. */
const quantStates = (bytes: Buffer): readonly (readonly [number, number])[] => {
  const [[, start]] = header(bytes)
  const tensors: Record<string, { data_offsets: [number, number] }> = JSON.parse(
    bytes.subarray(8, start).toString(),
  )
  return Object.entries(tensors)
    .filter(([name]) => name.includes('.quant_state.'))
    .map(([, { data_offsets: range }]) => [start + range[0], start + range[1]])
}

const LLAMA = 'torchao/tiny-llama/bf16'
const LONGROPE = 'architectures/llama-rope-longrope'
const INT8 = 'torchao/tiny-llama/int8-weight-only'
const SHARDED = 'torchao/tiny-llama/int8-weight-only-sharded'
const INT4_BIN = 'torchao/tiny-llama/int8-dynamic-act-int4-weight-bin'
const GPTQ = 'gptq/tiny-llama-gptq-w4-g32-desc-act'
const NF4 = 'bitsandbytes/tiny-llama-bnb-nf4-dq'
const block = ['quantization_config']

describe('a folder with a damaged file is opened, or refused by a typed error, in time', { timeout }, () => {
  test.each<[string, string, string, fc.Arbitrary<Damage>]>([
    ['config', INT8, 'config.json', json()],
    ['config of longrope', LONGROPE, 'config.json', json()],
    ['config as bytes', INT8, 'config.json', inBytes(whole)],
    ['block of torchao', INT8, 'config.json', json(block)],
    ['block of GPTQ', GPTQ, 'config.json', json(block)],
    ['block of bitsandbytes', NF4, 'config.json', json(block)],
    ['generation settings', 'gptq/tiny-llama-fp32', 'generation_config.json', json()],
    ['index', SHARDED, 'model.safetensors.index.json', json()],
    ['header', LLAMA, 'model.safetensors', inBytes(header)],
    ['header of GPTQ', GPTQ, 'model.safetensors', inBytes(header)],
    ['header of bitsandbytes', NF4, 'model.safetensors', inBytes(header)],
    ['notes of bitsandbytes', NF4, 'model.safetensors', inPlace(quantStates)],
    ['pickle', INT4_BIN, 'pytorch_model-00001-of-00001.bin', inBytes(zipEnds)],
  ])('%s', async (_, model, file, ways) => {
    await damage(await folderOf(model), file, ways)
  })

  const template = damages(templateEdits, (bytes, changes) =>
    changes.reduce((text, { at, remove, insert }) => {
      const position = at % (text.length + 1)
      return text.slice(0, position) + insert + text.slice(position + remove)
    }, bytes.toString()),
  )

  test.each<[string, 'demo' | 'characters', string, fc.Arbitrary<Damage>]>([
    ['tokenizer', 'demo', 'tokenizer.json', json()],
    ['tokenizer as bytes', 'characters', 'tokenizer.json', inBytes(whole)],
    ['tokenizer settings', 'demo', 'tokenizer_config.json', json()],
    ['chat template', 'demo', 'chat_template.jinja', template],
  ])('%s', async (_, tokenizer, file, ways) => {
    await damage(await folderOf(LLAMA, tokenizer), file, ways, 'texts')
  })
})

describe('a compiled model with a damaged file is not used, and the model answers as before', {
  timeout,
}, () => {
  test.each<[string, string, fc.Arbitrary<Damage>]>([
    ['notes', 'manifest.json', json(['notes'])],
    ['manifest', 'manifest.json', json()],
    ['manifest as bytes', 'manifest.json', inBytes(whole)],
    ['graph', 'model.onnx', inPlace(whole)],
    ['weights', 'weights.bin', inPlace(whole)],
    ['digests of the cache', 'digests.json', json()],
  ])('%s', async (_, file, ways) => {
    await damageCompiled(file, ways)
  })
})
