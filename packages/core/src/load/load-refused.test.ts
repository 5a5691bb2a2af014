import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bytesOf, float, folder, load, save } from '../testing/load-tiny-model.fixture.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { tinyShell, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'

describe('what cannot be loaded is refused by name', () => {
  test('a float checkpoint whose config says that it is quantized', async () => {
    const from = await writeTinyCheckpoint(join(folder, 'promised'))
    await writeFile(join(from, 'config.json'), '{"quantization_config": {"quant_method": "row_int8"}}')
    await expect(load(from, tinyShell())).rejects.toMatchObject({
      code: 'CHECKPOINT_NOT_QUANTIZED',
      module: 'model.layers.0.up_proj',
    })
  })

  const cases = {
    'a missing tensor': [
      { omit: ['model.layers.1.up_proj.bias'] },
      'TENSOR_MISSING',
      'model.layers.1.up_proj.bias',
    ],
    'a wrong shape': [
      { shapes: { 'model.layers.0.up_proj.weight': [48, 31] } },
      'TENSOR_MISMATCH',
      'model.layers.0.up_proj.weight',
    ],
    'a NaN': [
      { values: { 'model.layers.0.down_proj.weight': (index: number) => (index === 77 ? Number.NaN : 1) } },
      'TENSOR_NOT_FINITE',
      'model.layers.0.down_proj.weight',
    ],
    'an infinity': [
      {
        values: {
          'model.layers.0.down_proj.weight': (index: number) => (index === 0 ? Number.NEGATIVE_INFINITY : 1),
        },
      },
      'TENSOR_NOT_FINITE',
      'model.layers.0.down_proj.weight',
    ],
  } as const
  for (const [name, [checkpoint, code, tensor]] of Object.entries(cases)) {
    test(name, async () => {
      const from = await writeTinyCheckpoint(join(folder, name.replaceAll(' ', '-')), checkpoint)
      const loading = load(from, tinyShell(), rowInt8())
      await expect(loading).rejects.toMatchObject({ code, tensor, message: expect.stringContaining(tensor) })
    })
  }

  test.each(['a missing tensor', 'a wrong shape'] as const)(
    '%s of a model that stays float',
    async (name) => {
      const [checkpoint, code, tensor] = cases[name]
      const from = await writeTinyCheckpoint(join(folder, `${name.replaceAll(' ', '-')}-float`), checkpoint)
      await expect(load(from, tinyShell())).rejects.toMatchObject({
        ...{ code, tensor, message: expect.stringContaining(tensor) },
      })
    },
  )

  /** Of every kind of tensor that no quantizer looks at. */
  const floats = [
    ['the embedding', 'model.embed_tokens.weight'],
    ['the head', 'lm_head.weight'],
    ['a bias', 'model.layers.1.up_proj.bias'],
  ] as const
  describe.each(floats)('a value in %s', (_, tensor) => {
    const write = (name: string, value: number, dtype: 'float32' | 'bfloat16') =>
      writeTinyCheckpoint(join(folder, `${name}-${tensor}`), {
        dtype,
        values: { [tensor]: (index) => (index === 7 ? value : 1) },
      })
    const refusal = (hint: string) => ({
      code: 'TENSOR_NOT_FINITE',
      tensor,
      message: expect.stringContaining(tensor),
      hint: expect.stringContaining(hint),
    })

    test('that float16 cannot hold is refused with the way out, when it is saved and when it is read', async () => {
      const from = await write('large', 1e6, 'bfloat16')
      const model = await load(from, tinyShell({ dtype: 'float16' }), rowInt8())
      await expect(save(join(folder, 'never'), from, model)).rejects.toMatchObject(
        refusal('--dtype bfloat16'),
      )
      await expect(bytesOf(model.shell)).rejects.toMatchObject(refusal('--dtype bfloat16'))
      const wide = await load(from, tinyShell({ dtype: 'bfloat16' }), rowInt8())
      await save(join(folder, `wide-${tensor}`), from, wide)
    })

    test.each([Number.NaN, Number.NEGATIVE_INFINITY])('that is %s is refused', async (value) => {
      const from = await write(String(value), value, 'float32')
      const model = await load(from, tinyShell(), rowInt8())
      await expect(save(join(folder, 'never'), from, model)).rejects.toMatchObject(refusal('Repair'))
      await expect(bytesOf(model.shell)).rejects.toMatchObject(refusal('Repair'))
    })
  })

  test('the largest number that is still rounded to a finite float16 is taken', async () => {
    const values = { 'lm_head.weight': () => 65_519 }
    const from = await writeTinyCheckpoint(join(folder, 'just-below'), { values })
    const model = await load(from, tinyShell({ dtype: 'float16' }), rowInt8())
    await save(join(folder, 'just-below-saved'), from, model)
  })

  test('an aborted load ends with the reason of the signal', async () => {
    const reason = new Error('enough')
    await expect(load(float, tinyShell(), rowInt8(), { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    )
    const stop = new AbortController()
    const onProgress = () => stop.abort(reason)
    const loading = load(float, tinyShell(), rowInt8(), {
      signal: stop.signal,
      onProgress,
      maxInFlightBytes: 100,
    })
    await expect(loading).rejects.toBe(reason)
  })

  test('a device map that leaves a parameter uncovered, or names an unknown device', async () => {
    const deviceMap = { model: 'cpu' }
    await expect(load(float, tinyShell(), rowInt8(), { deviceMap })).rejects.toMatchObject({
      code: 'DEVICE_MAP_UNCOVERED',
      tensor: 'lm_head.weight',
    })
    await expect(load(float, tinyShell(), rowInt8(), { deviceMap: 'cuda' })).rejects.toMatchObject({
      code: 'DEVICE_UNKNOWN',
    })
  })
})
