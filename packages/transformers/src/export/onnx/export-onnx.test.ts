import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exportModel } from '../export-model.js'
import { copyModel, demoModel, golden, temporaryFolder } from '../testing/folders.fixture.js'

const root = await temporaryFolder()
const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'))

describe.each([
  ['fp32', 'model.onnx'],
  ['q8', 'model_quantized.onnx'],
  ['q4', 'model_q4.onnx'],
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
    await size({ type: 'q4', pure: true }),
    await size({ type: 'q4' }),
    await size({ type: 'q8' }),
  ]
  expect(sizes).toEqual([...sizes].sort((left, right) => left - right))
  expect(sizes[2]).toBeLessThan(0.5 * (await size({})))
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

test.each([
  ['an unknown type', { type: 'q3' }, {}, 'FIELD_VALUE'],
  ['a model type without a class', {}, { model_type: 'lama' }, 'EXPORT_MODEL_TYPE'],
])('%s is refused, and nothing is written', async (_, options, config, code) => {
  const folder = await copyModel(demoModel, join(root, 'refused'), { config })
  const before = await readdir(root)
  const failure = exportModel(folder, join(root, 'never'), { format: 'onnx', ...options } as {
    format: 'onnx'
  })
  await expect(failure).rejects.toMatchObject({ code })
  expect(await readdir(root)).toEqual(before)
})
