import { mkdtempSync, rmSync } from 'node:fs'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { AutoModelForCausalLM, quantizeModel, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-bad-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

type Damage = (folder: string) => Promise<void>

const editConfig =
  (change: object): Damage =>
  async (folder) => {
    const path = join(folder, 'config.json')
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...change }))
  }

const cases: readonly (readonly [what: string, damage: Damage, code: string, inMessage: string])[] = [
  ['no config.json', (folder) => remove(folder, 'config.json'), 'CONFIG_MISSING', 'config.json'],
  ['a field of a wrong type', editConfig({ hidden_size: 'big' }), 'FIELD_TYPE', 'hidden_size'],
  [
    'an unknown architecture',
    editConfig({ architectures: ['DreamForCausalLM'], model_type: 'dream' }),
    'ARCHITECTURE_UNKNOWN',
    'DreamForCausalLM',
  ],
  [
    'no architecture',
    editConfig({ architectures: undefined, model_type: undefined }),
    'ARCHITECTURE_UNKNOWN',
    'model_type',
  ],
  [
    'an unknown quant_method',
    editConfig({ quantization_config: { quant_method: 'magic' } }),
    'QUANT_METHOD_UNKNOWN',
    'magic',
  ],
  [
    'a quantization_config without method',
    editConfig({ quantization_config: {} }),
    'QUANT_METHOD_MISSING',
    'quant_method',
  ],
  ['an unknown dtype', editConfig({ dtype: 'float12' }), 'DTYPE_UNKNOWN', 'float12'],
  ['no weights', (folder) => remove(folder, 'model.safetensors'), 'WEIGHTS_NOT_FOUND', 'model.safetensors'],
]

describe('a model folder with', () => {
  test.each(cases)('%s', async (what, damage, code, inMessage) => {
    const folder = join(parent, what.replaceAll(' ', '-'))
    await cp(golden('architectures/llama'), folder, { recursive: true })
    await damage(folder)
    const loading = AutoModelForCausalLM.fromPretrained(folder)
    await expect(loading).rejects.toMatchObject({ code, message: expect.stringContaining(inMessage) })
  })
})

test('a failed or aborted quantization leaves nothing behind', async () => {
  const out = join(parent, 'out', 'model')
  const quantizationConfig = await recipe('int8-weight-only')
  const source = golden('torchao/tiny-llama/bf16')
  const stop = new AbortController()
  const options = {
    quantizationConfig,
    signal: stop.signal,
    onProgress: () => stop.abort(new Error('enough')),
  }
  await expect(quantizeModel(source, out, options)).rejects.toThrow('enough')
  expect(await readdir(join(parent, 'out'))).toEqual([])
})

const remove = async (folder: string, name: string): Promise<void> => rmSync(join(folder, name))
