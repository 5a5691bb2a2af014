import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../load/open-checkpoint.js'
import { bytesOf, float, folder, load, save } from '../testing/load-tiny-model.fixture.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { tinyShell } from '../testing/tiny-model.fixture.js'

describe('a saved quantized model', () => {
  test('is loaded without being told so, and saved again to equal files', async () => {
    const model = await load(float, tinyShell(), rowInt8({ keepInFloat: ['layers.1'] }))
    const first = await save(join(folder, 'first'), float, model)
    const again = await load(first, tinyShell())
    expect(again.quantization?.quantized).toEqual(model.quantization?.quantized)
    expect(again.quantizer?.config.toDict()).toEqual({
      quant_method: 'row_int8',
      modules_to_not_convert: ['model.layers.1.up_proj', 'model.layers.1.down_proj', 'lm_head'],
      levels: 127,
    })
    const second = await save(join(folder, 'second'), first, again)
    for (const name of ['config.json', 'model.safetensors']) {
      expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)))
    }
  })

  test('may be cut into shards, with the components of one weight in different files', async () => {
    const model = await load(float, tinyShell(), rowInt8())
    const sharded = await save(join(folder, 'sharded'), float, model, 1600)
    const again = await load(sharded, tinyShell())
    expect(await bytesOf(again.shell)).toEqual(await bytesOf(model.shell))
  })

  test('lacking a component is refused by the name of the component', async () => {
    const model = await load(float, tinyShell(), rowInt8())
    const saved = await save(join(folder, 'whole'), float, model)
    const { tensors, ...checkpoint } = await openCheckpoint(saved)
    afterAll(() => checkpoint.close())
    const damaged = new Map(tensors)
    damaged.delete('model.layers.0.up_proj.weight_scale')
    const loading = load(saved, tinyShell(), undefined, { checkpoint: { ...checkpoint, tensors: damaged } })
    await expect(loading).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      tensor: 'model.layers.0.up_proj.weight_scale',
    })
  })
})

test('config.json keeps the numbers of the source as they were written', async () => {
  const saved = await save(join(folder, 'numbers'), float, await load(float, tinyShell()))
  expect(await readFile(join(saved, 'config.json'), 'utf8')).toBe(
    await readFile(join(float, 'config.json'), 'utf8'),
  )
})
