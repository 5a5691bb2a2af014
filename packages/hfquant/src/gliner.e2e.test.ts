import { createHash } from 'node:crypto'
import { cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { GLiNER, type LoadGlinerOptions } from './index.js'
import { golden, readAll } from './testing/golden.fixture.js'
import { testFolder } from './testing/test-folder.fixture.js'

const root = testFolder()
const expectedOf = (name: string) => JSON.parse(readFileSync(golden(`gliner/${name}/expected.json`), 'utf8'))

/** A copy of a golden that a test may damage. */
function copyOf(name: string, to: string): string {
  const folder = join(root, to)
  cpSync(golden(`gliner/${name}`), folder, { recursive: true })
  return folder
}

const refusalOf = (folder: string, options: LoadGlinerOptions = {}) =>
  GLiNER.fromPretrained(folder, options).then(
    () => 'loaded',
    (error: unknown) => error,
  )

const LABELS = ['person', 'organization', 'location']
const TEXT = 'Ada Lovelace wrote to Charles Babbage in London on 5 June 1833.'

describe('a dtype is what floats are cast to while they are read', () => {
  test.each([
    ['deberta', 'fp16'],
    ['deberta', 'bf16'],
    ['deberta-bf16', 'fp16'],
    ['modernbert', 'bf16'],
  ])('%s in %s', async (name, dtype) => {
    const out = join(root, `${name}-${dtype}`)
    await using model = await GLiNER.fromPretrained(golden(`gliner/${name}`), { dtype })
    await model.savePretrained(out)
    const { tensors } = await readAll(join(out, 'model.safetensors'))
    const wanted: Record<string, readonly [string, string]> = expectedOf(name).dtypes[dtype].tensors
    const found = [...tensors].map(([tensor, { bytes }]) => [
      tensor,
      createHash('sha256').update(bytes).digest('hex').slice(0, 16),
    ])
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries(Object.entries(wanted).map(([tensor, [, digest]]) => [tensor, digest])),
    )
    await using again = await GLiNER.fromPretrained(out)
    expect(await again.predictEntities(TEXT, LABELS)).toEqual(await model.predictEntities(TEXT, LABELS))
  })
})

describe('int8', () => {
  test.each(['deberta', 'bert'])('of %s has the codes and scales of torchao, to the bit', async (name) => {
    const out = join(root, `${name}-codes`)
    await using model = await GLiNER.fromPretrained(golden(`gliner/${name}`), { quantize: 'int8' })
    await model.savePretrained(out)
    const [saved, expected] = [
      await readAll(join(out, 'model.safetensors')),
      await readAll(golden(`gliner/${name}/expected.safetensors`)),
    ]
    // The pooler of BERT is read by nobody, and not kept.
    const wanted = [...expected.tensors].filter(([tensor]) =>
      /^torchao\.(?!.*pooler).*\.weight\./.test(tensor),
    )
    expect(wanted.length).toBeGreaterThan(20)
    for (const [tensor, { bytes }] of wanted) {
      const own = tensor.slice('torchao.'.length).replace('.weight.', '._weight_')
      expect(saved.tensors.get(own)?.bytes.equals(bytes), own).toBe(true)
    }
  })

  test.each(['deberta', 'bert', 'bi-encoder', 'token'])(
    'of %s is saved and loads as what it is',
    async (name) => {
      const out = join(root, `${name}-int8`)
      await using model = await GLiNER.fromPretrained(golden(`gliner/${name}`), { quantize: 'int8' })
      const entities = await model.predictEntities(TEXT, LABELS, { threshold: 0.3 })
      await model.savePretrained(out)
      await using again = await GLiNER.fromPretrained(out)
      expect(again.quantization?.method).toBe('torchao')
      expect(await again.predictEntities(TEXT, LABELS, { threshold: 0.3 })).toEqual(entities)
    },
  )
})

/** Changes gliner_config.json. */
function configure(folder: string, change: object): void {
  const path = join(folder, 'gliner_config.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }))
}

describe('a variant is a file of its own', () => {
  test('that is read where it is there', async () => {
    const folder = copyOf('deberta-bf16', 'variant')
    renameSync(join(folder, 'model.safetensors'), join(folder, 'model.bf16.safetensors'))
    await using model = await GLiNER.fromPretrained(folder, { variant: 'bf16' })
    expect(model.loadingReport.missing).toEqual([])
  })

  test('in whose place the usual weights are cast, with a warning', async () => {
    const warnings: string[] = []
    const listen = (warning: Error) => warnings.push(warning.message)
    process.on('warning', listen)
    await using model = await GLiNER.fromPretrained(golden('gliner/deberta'), { variant: 'fp16' })
    await model.savePretrained(join(root, 'cast'))
    const { tensors } = await readAll(join(root, 'cast', 'model.safetensors'))
    process.off('warning', listen)
    expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['F16']))
    expect(warnings).toContainEqual(expect.stringContaining('has no model.fp16.safetensors'))
  })
})

describe('what a folder or an argument lacks is refused by name', () => {
  const float = golden('gliner/deberta')

  test.each([
    [{ dtype: 'fp64' }, 'DTYPE_UNKNOWN', 'dtype'],
    [{ dtype: 'int8' }, 'DTYPE_NOT_FLOATING', 'dtype'],
    [{ dtype: ' fp16' }, 'DTYPE_UNKNOWN', 'dtype'],
    [{ dtype: 123 }, 'DTYPE_TYPE', 'dtype'],
    [{ quantize: true }, 'QUANTIZE_TYPE', 'quantize'],
    [{ quantize: 1 }, 'QUANTIZE_TYPE', 'quantize'],
    [{ quantize: 'fp16' }, 'PRECISION_IS_NOT_QUANTIZATION', 'quantize'],
    [{ quantize: 'BFloat16' }, 'PRECISION_IS_NOT_QUANTIZATION', 'quantize'],
    [{ quantize: 'nf4' }, 'QUANTIZE_UNKNOWN', 'quantize'],
    [{ variant: 'int8' }, 'VARIANT_UNKNOWN', 'variant'],
    [{ variant: 'fp16', dtype: 'bf16' }, 'VARIANT_DTYPE', 'variant'],
  ])('%j', async (options, code, field) => {
    // Arguments are looked at first: there is no such folder.
    const refused = await refusalOf(join(root, 'nowhere'), options as LoadGlinerOptions)
    expect(refused).toMatchObject({ name: 'ConfigError', code, field })
  })

  test('every alias of int8 and of a dtype is taken', async () => {
    await using model = await GLiNER.fromPretrained(float, { quantize: 'INT8', dtype: 'half' })
    expect(model.quantization?.method).toBe('torchao')
    await model.quantize('int8')
    await expect(model.quantize('bf16')).rejects.toMatchObject({ code: 'PRECISION_IS_NOT_QUANTIZATION' })
  })

  test('a tokenizer whose marker is another token', async () => {
    const folder = copyOf('deberta', 'marker')
    configure(folder, { ent_token: '[ENTITY]' })
    expect(await refusalOf(folder)).toMatchObject({
      ...{ name: 'CheckpointError', code: 'MARKER_MISSING', field: 'class_token_index' },
      message: expect.stringContaining('[ENTITY]'),
    })
  })

  test('a tokenizer with more tokens than the table has rows', async () => {
    const folder = copyOf('deberta', 'rows')
    configure(folder, { vocab_size: 239 })
    expect(await refusalOf(folder)).toMatchObject({ code: 'VOCABULARY_SIZE', field: 'vocab_size' })
  })

  test('a tensor by another name', async () => {
    const folder = copyOf('deberta', 'renamed')
    const path = join(folder, 'model.safetensors')
    const bytes = readFileSync(path).toString('latin1')
    writeFileSync(path, bytes.replace('prompt_rep_layer.0.weight', 'prompt_rep_layer.9.weight'), 'latin1')
    expect(await refusalOf(folder)).toMatchObject({
      ...{ name: 'CheckpointError', code: 'TENSOR_MISSING', tensor: 'prompt_rep_layer.0.weight' },
    })
  })

  test('the tokenizer of the labels', async () => {
    const folder = copyOf('bi-encoder', 'labels')
    renameSync(join(folder, 'labels_encoder'), join(root, 'elsewhere'))
    expect(await refusalOf(folder)).toMatchObject({
      ...{ code: 'LABEL_TOKENIZER_MISSING', hint: expect.stringContaining('labelsTokenizer') },
    })
    await using model = await GLiNER.fromPretrained(folder, { labelsTokenizer: join(root, 'elsewhere') })
    expect(await model.predictEntities(TEXT, [])).toEqual([])
  })

  test('the folder of another kind of model', async () => {
    const refused = await refusalOf(golden('architectures/llama'))
    expect(refused).toMatchObject({
      name: 'CheckpointError',
      file: expect.stringContaining('gliner_config.json'),
    })
  })
})

test('a long text is read in parts, and none of its entities is lost or found twice', async () => {
  await using model = await GLiNER.fromPretrained(golden('gliner/deberta-plain'))
  const text = new Array(30).fill(TEXT).join(' ')
  const options = { threshold: 0.4, flatNer: false, multiLabel: true }
  const whole = await model.predictEntities(text, LABELS, options)
  const cut = await model.predictEntities(text, LABELS, { ...options, longText: 'truncate' })
  expect(Math.max(...whole.map(({ end }) => end))).toBeGreaterThan(text.length - TEXT.length)
  expect(Math.max(...cut.map(({ end }) => end))).toBeLessThan(text.length / 2)
  const keys = whole.map(({ start, end, label }) => `${start} ${end} ${label}`)
  expect(new Set(keys).size).toBe(keys.length)
  expect(whole.every((entity) => text.slice(entity.start, entity.end) === entity.text)).toBe(true)
})

test('labels that leave no room for a text are refused', async () => {
  await using model = await GLiNER.fromPretrained(golden('gliner/bert'))
  const many = Array.from({ length: 40 }, (_, index) => `label ${index}`)
  for (const longText of ['windows', 'truncate'] as const) {
    await expect(model.predictEntities(TEXT, many, { longText })).rejects.toMatchObject({
      ...{ name: 'ConfigError', code: 'PROMPT_TOO_LONG', field: 'labels', found: 40 },
    })
  }
})
