import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bytesOf, float, folder, load } from '../testing/load-tiny-model.fixture.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { tinyShell, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'

let count = 0
const renamed = (toName: (name: string) => string) =>
  writeTinyCheckpoint(join(folder, `renamed-${count++}`), { rename: toName })
const refusal = (toName: (name: string) => string) =>
  renamed(toName)
    .then((from) => load(from, tinyShell()))
    .catch((error) => error)

const original = await bytesOf((await load(float, tinyShell())).shell)

describe('the prefix of the base model, tensor by tensor', () => {
  test.each<readonly [string, (name: string) => string]>([
    ['twice everywhere', (name) => `model.${name}`],
    ['twice in the base model', (name) => (name.startsWith('model.') ? `model.${name}` : name)],
    ['nowhere', (name) => name.replace(/^model\./, '')],
    ['missing in one layer', (name) => name.replace(/^model\.layers\.0\./, 'layers.0.')],
  ])('%s: the model loads', async (_, toName) => {
    const { shell, warnings } = await load(await renamed(toName), tinyShell())
    expect(await bytesOf(shell)).toEqual(original)
    expect(warnings).toEqual([])
  })

  test('also of weights that are quantized while they load, and of those that are quantized already', async () => {
    const from = await renamed((name) => `model.${name}`)
    const { quantization } = await load(from, tinyShell(), rowInt8())
    expect(quantization?.quantized).toContain('model.layers.0.up_proj')
  })

  test('a tensor that has the right name keeps it', async () => {
    const values = { 'model.model.embed_tokens.weight': () => 9 }
    const shapes = { 'model.model.embed_tokens.weight': [24, 32] }
    const from = await writeTinyCheckpoint(join(folder, 'both'), { values, shapes })
    const { shell, report } = await load(from, tinyShell())
    expect(await bytesOf(shell)).toEqual(original)
    expect(report.unexpected).toEqual(['model.model.embed_tokens.weight'])
  })
})

describe('names that do not fit are shown beside those that would', () => {
  test('a wrapper', async () => {
    expect(await refusal((name) => `_orig_mod.module.${name}`)).toMatchObject({
      code: 'TENSOR_MISSING',
      tensor: 'model.embed_tokens.weight',
      message: expect.stringMatching(
        /begin with "_orig_mod.module.": it has "_orig_mod.module.model.embed_tokens.weight", expected "model.embed/,
      ),
      hint: expect.stringContaining('take "_orig_mod.module." off'),
    })
  })

  test('another base model', async () => {
    expect(await refusal((name) => name.replace(/^model\./, 'transformer.'))).toMatchObject({
      message: expect.stringMatching(/has "transformer.layers.0.*" where "model.layers.0.*" is expected/),
      hint: expect.stringContaining('Replace "transformer." by "model."'),
    })
  })

  test('another model altogether', async () => {
    expect(await refusal((name) => name.replaceAll('.', '_'))).toMatchObject({
      message: expect.stringMatching(/it holds 8 tensors: .* and 5 more/),
    })
  })

  test('promised as quantized, and under other names', async () => {
    const from = await renamed((name) => `module.${name}`)
    await writeFile(join(from, 'config.json'), '{"quantization_config": {"quant_method": "row_int8"}}')
    await expect(load(from, tinyShell())).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      message: expect.stringContaining('begin with "module."'),
    })
  })

  test('a tensor that the index lists and no file holds', async () => {
    const from = await writeTinyCheckpoint(join(folder, 'lost'), { omit: ['lm_head.weight'] })
    const index = { weight_map: { 'lm_head.weight': 'part.safetensors', extra: 'part.safetensors' } }
    await rename(join(from, 'model.safetensors'), join(from, 'part.safetensors'))
    await writeFile(join(from, 'model.safetensors.index.json'), JSON.stringify(index))
    await expect(load(from, tinyShell())).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      tensor: 'lm_head.weight',
      message: expect.stringContaining('index says that "lm_head.weight" is in part.safetensors'),
    })
    const tied = tinyShell({ tied: true })
    expect((await load(from, tied)).report.missing).toEqual([])
  })
})
