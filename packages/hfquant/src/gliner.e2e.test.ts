import { createHash } from 'node:crypto'
import { cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTensorFile, testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { GLiNER, inspectModel, type LoadGlinerOptions, quantizeModel, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'

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
    const { tensors } = await readTensorFile(join(out, 'model.safetensors'))
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
      await readTensorFile(join(out, 'model.safetensors')),
      await readTensorFile(golden(`gliner/${name}/expected.safetensors`)),
    ]
    // The pooler of BERT is read by nobody, and not kept.
    const wanted = [...expected.tensors].filter(([tensor]) =>
      /^torchao\.(?!.*pooler).*\.weight\./.test(tensor),
    )
    expect(wanted.length).toBeGreaterThan(20)
    for (const [tensor, { bytes }] of wanted) {
      const own = tensor.slice('torchao.'.length).replace('.weight.', '._weight_')
      expect(Buffer.compare(saved.tensors.get(own)!.bytes, bytes), own).toBe(0)
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
    const { tensors } = await readTensorFile(join(root, 'cast', 'model.safetensors'))
    process.off('warning', listen)
    expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['F16']))
    expect(warnings).toContainEqual(expect.stringContaining('has no model.fp16.safetensors'))
  })
})

describe('what a folder lacks is refused by name', () => {
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
})

describe('texts and labels', () => {
  test('may be none, empty, or given twice', async () => {
    await using model = await GLiNER.fromPretrained(golden('gliner/deberta'))
    const options = { threshold: 0.3 }
    const found = await model.predictEntities(TEXT, LABELS, options)
    expect(found.length).toBeGreaterThan(0)
    expect(await model.predictEntities(TEXT, [...LABELS, LABELS[0]!], options)).toEqual(found)
    expect(await model.batchPredictEntities(['', ' \n', TEXT], LABELS, options)).toEqual([[], [], found])
    expect(await model.predictEntities(TEXT, [], options)).toEqual([])
    expect(await model.batchPredictEntities([], LABELS)).toEqual([])
    expect(await model.batchPredictEntities([TEXT, TEXT], [LABELS, []], options)).toEqual([found, []])
    const documents = await model.readDocuments([TEXT], LABELS)
    expect(await model.predictDocuments(documents, options)).toEqual([found])
    await expect(model.predictDocuments([TEXT] as never)).rejects.toMatchObject({ field: 'documents' })
  })

  test('of token mode are scored in any number', async () => {
    await using model = await GLiNER.fromPretrained(golden('gliner/token'))
    const many = [...LABELS, ...Array.from({ length: 100 }, (_, index) => `l${index}`)]
    const text = new Array(40).fill(TEXT).join(' ')
    const found = await model.predictEntities(text, many, { threshold: 0.3, multiLabel: true })
    expect(found.length).toBeGreaterThan(0)
  })

  test('a word of millions of characters is one word', async () => {
    await using model = await GLiNER.fromPretrained(golden('gliner/bert'))
    const long = 'a-'.repeat(1_000_000)
    const [start, end] = [long.length + 2, long.length + 5]
    const inputSpans = [[{ start, end }]]
    const found = await model.predictEntities(`${long}a Ada`, LABELS, { threshold: 0, inputSpans })
    expect(found.map((entity) => [entity.start, entity.end])).toEqual([[start, end]])
  })
})

describe('a bi-encoder', () => {
  const folder = golden('gliner/bi-encoder')

  test('reads, quantizes and holds the encoder of its labels once', async () => {
    const quantized: string[] = []
    await using model = await GLiNER.fromPretrained(folder, {
      quantize: 'int8',
      cache: false,
      onProgress: ({ stage, tensor }) => {
        if (stage === 'quantize') quantized.push(tensor)
      },
    })
    await model.predictEntities(TEXT, LABELS)
    const ofLabels = quantized.filter((tensor) => tensor.includes('labels_encoder'))
    expect(ofLabels.length).toBeGreaterThan(5)
    expect(new Set(ofLabels).size).toBe(ofLabels.length)
    const { parameters, compiled } = await model.memoryUsage()
    expect(parameters.total).toBe(model.memoryFootprint())
    expect(compiled.fileSize).toBeGreaterThan(parameters.total)
  })

  test('that cannot be quantized stays what it was, in both of its halves', async () => {
    await using model = await GLiNER.fromPretrained(folder)
    const before = await model.predictEntities(TEXT, LABELS, { threshold: 0.3 })
    const size = model.memoryFootprint()
    const ended = new Error('enough')
    const signal = AbortSignal.abort(ended)
    await expect(model.quantize('int8', { signal })).rejects.toBe(ended)
    await expect(model.quantize({ quant_method: 'gptq', bits: 4, dataset: 'none' })).rejects.toThrow()
    expect(model.memoryFootprint()).toBe(size)
    expect(await model.predictEntities(TEXT, LABELS, { threshold: 0.3 })).toEqual(before)
  })

  test('that is quantized once it is loaded is what quantizing on the way would have made it, and can be restored', async () => {
    await using early = await GLiNER.fromPretrained(folder, { quantize: 'int8' })
    await using late = await GLiNER.fromPretrained(folder)
    const options = { threshold: 0.3 }
    const float = await late.predictEntities(TEXT, LABELS, options)
    await late.quantize()
    const rounded = await late.predictEntities(TEXT, LABELS, options)
    expect(rounded).toEqual(await early.predictEntities(TEXT, LABELS, options))
    expect(rounded).not.toEqual(float)
    await late.dequantize()
    expect((await late.predictEntities(TEXT, LABELS, options)).map(({ score }) => score)).not.toEqual(
      float.map(({ score }) => score),
    )
  })
})

describe('from file to file', () => {
  test.each(['deberta', 'bi-encoder', 'deberta-plain'])('%s is inspected, and quantized', async (name) => {
    const folder = golden(`gliner/${name}`)
    const inspected = await inspectModel(folder)
    expect(inspected).toMatchObject({ architecture: 'GLiNER', task: 'token-classification', warnings: [] })
    const out = join(root, `quantized-${name}`)
    const quantizationConfig = await recipe('int8-weight-only')
    const { quantized } = await quantizeModel(folder, out, { quantizationConfig })
    const linear = inspected.modules.filter(({ kind }) => kind === 'linear')
    expect(quantized.length).toBe(linear.length)
    expect((await inspectModel(out)).quantization?.method).toBe('torchao')
    await using direct = await GLiNER.fromPretrained(folder, { quantize: 'int8' })
    await using again = await GLiNER.fromPretrained(out)
    expect(await again.predictEntities(TEXT, LABELS)).toEqual(await direct.predictEntities(TEXT, LABELS))
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
