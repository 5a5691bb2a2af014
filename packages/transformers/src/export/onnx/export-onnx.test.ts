import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exportModel } from '../export-model.js'
import { copyModel, demoModel, golden, poke, temporaryFolder } from '../testing/folders.fixture.js'

const root = await temporaryFolder()
const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'))

describe.each([
  ['fp32', 'model.onnx'],
  ['fp16', 'model_fp16.onnx'],
  ['q8', 'model_quantized.onnx'],
  ['q4', 'model_q4.onnx'],
  ['q4f16', 'model_q4f16.onnx'],
] as const)('%s', (type, file) => {
  test('has the layout that @huggingface/transformers looks for', async () => {
    const out = join(root, type)
    const { bytes, warnings } = await exportModel(demoModel, out, { format: 'onnx', type })
    expect(warnings).toEqual([])
    expect((await readdir(out)).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'onnx',
      'tokenizer.json',
      'tokenizer_config.json',
    ])
    expect((await readdir(join(out, 'onnx'))).sort()).toEqual([file, `${file}_data`])
    const config = await readJson(join(out, 'config.json'))
    expect(config['transformers.js_config']).toEqual({ dtype: type, use_external_data_format: { [file]: 1 } })
    expect(config.model_type).toBe('llama')
    const graph = await readFile(join(out, 'onnx', file))
    expect(graph.includes(`${file}_data`)).toBe(true)
    expect(bytes).toBe(graph.byteLength + (await readFile(join(out, 'onnx', `${file}_data`))).byteLength)
  })
})

test('fewer bits make smaller files; pure ones the smallest', async () => {
  const size = async (options: object) =>
    (await exportModel(demoModel, join(root, 'sizes'), { format: 'onnx', ...options })).bytes
  const sizes = [
    await size({ type: 'q4f16', pure: true }),
    await size({ type: 'q4f16' }),
    await size({ type: 'q4' }),
    await size({ type: 'q8' }),
    await size({ type: 'fp16' }),
    await size({ type: 'fp32' }),
  ]
  expect(sizes).toEqual([...sizes].sort((left, right) => left - right))
})

test('fp16 stores every number once, also those of an output matrix that is the embedding', async () => {
  const { bytes } = await exportModel(demoModel, join(root, 'once'), { format: 'onnx', type: 'fp16' })
  const checkpoint = await stat(join(demoModel, 'model.safetensors')) // in 16 bits
  expect(bytes / checkpoint.size).toBeLessThan(1.02)
})

describe('numbers that float16 has no room for', () => {
  const name = 'model.layers.1.mlp.up_proj.weight'
  const modelWith = async (bits: number) => {
    const folder = await copyModel(demoModel, join(root, `poked-${bits}`))
    await poke(folder, name, bits)
    return folder
  }

  test('are refused by name, and nothing is written', async () => {
    const folder = await modelWith(0x4780) // 65536
    const out = join(root, 'never')
    await expect(exportModel(folder, out, { format: 'onnx', type: 'fp16' })).rejects.toMatchObject({
      code: 'TENSOR_EXCEEDS_FLOAT16',
      tensor: name,
    })
    expect(await readdir(root)).not.toContain('never')
    await exportModel(folder, join(root, 'wide'), { format: 'onnx', type: 'fp32' })
  })

  test('NaN is told apart', async () => {
    const failure = exportModel(await modelWith(0x7fc0), join(root, 'never'), {
      format: 'onnx',
      type: 'fp16',
    })
    await expect(failure).rejects.toMatchObject({ code: 'TENSOR_NOT_FINITE', tensor: name })
  })
})

test('an older export is replaced; other files of the folder stay', async () => {
  const out = join(root, 'replaced')
  await mkdir(out)
  await writeFile(join(out, 'README.md'), '# mine')
  await exportModel(demoModel, out, { format: 'onnx', type: 'q8' })
  await exportModel(demoModel, out, { format: 'onnx', type: 'q4' })
  expect((await readdir(join(out, 'onnx'))).sort()).toEqual(['model_q4.onnx', 'model_q4.onnx_data'])
  expect(await readFile(join(out, 'README.md'), 'utf8')).toBe('# mine')
})

test('a model without a tokenizer takes ids, and the warnings say so', async () => {
  const { warnings } = await exportModel(golden('architectures/llama'), join(root, 'ids'), { format: 'onnx' })
  expect(warnings).toEqual([
    expect.stringContaining('tokenizer.json'),
    expect.stringContaining('tokenizer_config.json'),
  ])
})

test('tables of a model that the library knows as a part of another one are a graph of their own', async () => {
  const out = join(root, 'part')
  await exportModel(golden('architectures/gemma4_text'), out, { format: 'onnx', type: 'q4' })
  expect((await readdir(join(out, 'onnx'))).sort()).toEqual(
    ['decoder_model_merged', 'embed_tokens'].flatMap((name) => [`${name}_q4.onnx`, `${name}_q4.onnx_data`]),
  )
  const { text_config, ...config } = await readJson(join(out, 'config.json'))
  expect(config).toEqual({
    architectures: ['Gemma4ForConditionalGeneration'],
    model_type: 'gemma4',
    'transformers.js_config': {
      dtype: 'q4',
      use_external_data_format: { 'embed_tokens_q4.onnx': 1, 'decoder_model_merged_q4.onnx': 1 },
    },
  })
  expect(text_config).toEqual(await readJson(join(golden('architectures/gemma4_text'), 'config.json')))
  const decoder = (await readFile(join(out, 'onnx', 'decoder_model_merged_q4.onnx'))).toString('latin1')
  const has = (name: string) => decoder.includes(name)
  expect(['inputs_embeds', 'per_layer_inputs', 'past_key_values.3.key'].filter((name) => !has(name))).toEqual(
    [],
  )
  // The last layers read caches of earlier ones.
  expect(['input_ids', 'past_key_values.4.key'].filter(has)).toEqual([])
})

test.each([
  ['granitemoehybrid-attention', 'layer_types'],
  ['gpt_bigcode', 'multi_query'],
])('%s: %s, which the library reads in another way, is left to the graph', async (name, field) => {
  const out = join(root, `without-${field}`)
  const source = golden(`architectures/${name}`)
  await exportModel(source, out, { format: 'onnx' })
  const [before, after] = await Promise.all([source, out].map((at) => readJson(join(at, 'config.json'))))
  expect(before[field]).toBeDefined()
  expect(after.model_type).toBe(before.model_type)
  expect(after[field]).toBeUndefined()
})

test.each([
  ['an unknown type', demoModel, { type: 'q3' }, {}, 'FIELD_VALUE'],
  ['a model type without a class', demoModel, {}, { model_type: 'lama' }, 'EXPORT_MODEL_TYPE'],
  ['a family without a class', golden('architectures/seed_oss'), {}, {}, 'EXPORT_ARCHITECTURE'],
])('%s is refused, and nothing is written', async (_, model, options, config, code) => {
  const folder = await copyModel(model, join(root, `refused-${code}`), { config })
  const before = await readdir(root)
  const failure = exportModel(folder, join(root, 'never'), { format: 'onnx', ...options } as {
    format: 'onnx'
  })
  await expect(failure).rejects.toMatchObject({ code })
  expect(await readdir(root)).toEqual(before)
})
