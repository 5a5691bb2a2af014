import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createKernelPool } from '@hfquant/kernels'
import { afterAll, describe, expect, test } from 'vitest'
import { AutoQuantizer, type QuantizationConfigInput } from '../dispatch/auto-quantizer.js'
import { nodeEnvironment } from '../dispatch/node-environment.js'
import { registerQuantizer } from '../dispatch/registry.js'
import { readJsonFile } from '../json/read-json-file.js'
import type { ProgressEvent } from '../report/progress.js'
import { saveModel } from '../save/save-model.js'
import { stateDict } from '../save/state-dict.js'
import { findModule } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { temporaryFolder, tinyShell, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'
import { type LoadOptions, loadModel } from './load-model.js'
import { openCheckpoint } from './open-checkpoint.js'
import { dequantizedChunks, readParameter } from './read-parameter.js'
import { createScratchStore } from './store.js'

registerQuantizer(rowInt8)
const folder = temporaryFolder(afterAll)
const pool = createKernelPool({ workers: 2 })
afterAll(() => pool.dispose())

async function load(
  from: string,
  shell: Shell,
  config?: QuantizationConfigInput,
  options: Partial<LoadOptions> = {},
) {
  const saved = (await readJsonFile(join(from, 'config.json'))).value.quantization_config
  const merged = await AutoQuantizer.merge(saved as never, config)
  const quantizer = merged && AutoQuantizer.create(merged)
  const checkpoint = await openCheckpoint(from)
  afterAll(() => checkpoint.close())
  const store = createScratchStore(folder)
  const environment = nodeEnvironment()
  const loaded = await loadModel({ checkpoint, shell, quantizer, environment, pool, store, ...options })
  return { ...loaded, quantizer }
}

async function save(
  to: string,
  from: string,
  model: Awaited<ReturnType<typeof load>>,
  maxShardBytes?: number,
) {
  const config = (await readJsonFile(join(from, 'config.json'))).document
  const { shell, quantizer } = model
  await saveModel(to, {
    shell,
    quantizer,
    config,
    pool,
    maxShardBytes,
    sourceFolder: from,
    dtype: shell.dtype,
  })
  return to
}

const bytesOf = async (shell: Shell) =>
  Object.fromEntries(
    await Promise.all(
      stateDict(shell).map(async ({ name, parameter }) => [name, await readParameter(parameter)] as const),
    ),
  )

const float = await writeTinyCheckpoint(join(folder, 'float'))

describe('a float checkpoint', () => {
  test('is referred to, not read: its parameters are slices of the file', async () => {
    const { shell, report } = await load(float, tinyShell())
    expect(stateDict(shell).map(({ parameter }) => parameter.storage.kind)).toEqual(Array(8).fill('file'))
    expect(report).toEqual({ missing: [], unexpected: [], mismatched: [], converted: [] })
  })

  test('is cast while it is read', async () => {
    const { shell } = await load(float, tinyShell({ dtype: 'bfloat16' }))
    const same = await load(
      await writeTinyCheckpoint(join(folder, 'bf16'), { dtype: 'bfloat16' }),
      tinyShell({ dtype: 'bfloat16' }),
    )
    expect(await bytesOf(shell)).toEqual(await bytesOf(same.shell))
  })

  test('of the bare base model lacks the prefix of its names', async () => {
    const bare = await writeTinyCheckpoint(join(folder, 'bare'), {
      rename: (name) => name.replace(/^model\./, ''),
    })
    const { shell } = await load(bare, tinyShell())
    expect(await bytesOf(shell)).toEqual(await bytesOf((await load(float, tinyShell())).shell))
  })

  test('may leave out the tied head', async () => {
    const tied = await writeTinyCheckpoint(join(folder, 'tied'), { omit: ['lm_head.weight'] })
    const { shell } = await load(tied, tinyShell({ tied: true }))
    expect(stateDict(shell).map(({ name }) => name)).not.toContain('lm_head.weight')
  })

  test('with a head of its own breaks the tie, with a warning', async () => {
    const { shell, warnings } = await load(float, tinyShell({ tied: true }))
    expect(warnings).toEqual([expect.stringContaining('lm_head.weight is stored apart')])
    expect(stateDict(shell).map(({ name }) => name)).toContain('lm_head.weight')
  })

  test('with tensors that the model has no place for reports them, stale buffers excepted', async () => {
    const shapes = { 'extra.weight': [2, 2], 'model.layers.0.rotary_emb.inv_freq': [4] }
    const { report } = await load(await writeTinyCheckpoint(join(folder, 'extra'), { shapes }), tinyShell())
    expect(report.unexpected).toEqual(['extra.weight'])
  })
})

describe('quantizing on the fly', () => {
  test('replaces the linear layers, and leaves the head in float for a stated reason', async () => {
    const { shell, quantization, report } = await load(float, tinyShell(), rowInt8())
    expect(quantization?.quantized).toEqual([
      'model.layers.0.up_proj',
      'model.layers.0.down_proj',
      'model.layers.1.up_proj',
      'model.layers.1.down_proj',
    ])
    expect(quantization?.skipped).toEqual([
      { module: 'lm_head', reason: expect.stringContaining('output projection') },
    ])
    expect(report.converted).toHaveLength(4)
    expect(findModule(shell.root, 'model.layers.0.up_proj')).toBeInstanceOf(QuantizedModule)
  })

  test('keeps every value within half a step', async () => {
    const { shell } = await load(float, tinyShell(), rowInt8())
    const original = (await load(float, tinyShell())).shell
    const module = findModule(shell.root, 'model.layers.1.down_proj') as QuantizedModule
    const source = findModule(original.root, 'model.layers.1.down_proj')!.parameters.get('weight')!
    const wanted = new Float32Array((await readParameter(source)).buffer)
    const scales = new Float32Array((await readParameter(module.component('weight_scale'))).slice().buffer)
    let at = 0
    for await (const chunk of dequantizedChunks(module)) {
      const values = new Float32Array(chunk.buffer, chunk.byteOffset, chunk.byteLength / 4)
      for (const value of values) {
        expect(Math.abs(value - wanted[at]!)).toBeLessThanOrEqual((scales[Math.floor(at / 48)]! / 2) * 1.001)
        at += 1
      }
    }
    expect(at).toBe(wanted.length)
  })

  test('gives the same bytes for any number of workers and any byte budget', async () => {
    const expected = await bytesOf((await load(float, tinyShell(), rowInt8())).shell)
    for (const workers of [1, 4]) {
      const other = createKernelPool({ workers })
      for (const maxInFlightBytes of [1, 200, 5000, 2 ** 30]) {
        const { shell } = await load(float, tinyShell(), rowInt8(), { pool: other, maxInFlightBytes })
        expect(await bytesOf(shell)).toEqual(expected)
      }
      await other.dispose()
    }
  })

  test('casts to the dtype of the model first', async () => {
    const { shell } = await load(float, tinyShell({ dtype: 'bfloat16' }), rowInt8())
    const stored = await writeTinyCheckpoint(join(folder, 'bf16-again'), { dtype: 'bfloat16' })
    const same = await load(stored, tinyShell({ dtype: 'bfloat16' }), rowInt8())
    expect(await bytesOf(shell)).toEqual(await bytesOf(same.shell))
  })

  test('reports progress in bytes up to the whole', async () => {
    const events: ProgressEvent[] = []
    await load(float, tinyShell(), rowInt8(), { onProgress: (event) => events.push(event) })
    expect(events.map(({ done }) => done)).toEqual([1, 2, 3, 4])
    expect(events.at(-1)).toMatchObject({
      stage: 'quantize',
      total: 4,
      doneBytes: 4 * 48 * 32 * 4,
      totalBytes: 4 * 48 * 32 * 4,
    })
  })

  test('adds the skip list of the caller to the default one, by whole segments', async () => {
    const { quantization } = await load(
      float,
      tinyShell(),
      rowInt8({ keepInFloat: ['layers.1', 'layers.9'] }),
    )
    expect(quantization?.skipped.map(({ module }) => module)).toEqual([
      'model.layers.1.up_proj',
      'model.layers.1.down_proj',
      'lm_head',
    ])
    expect(quantization?.warnings).toEqual([expect.stringContaining('"layers.9"')])
  })
})

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

test('config.json keeps the numbers of the source as they were written', async () => {
  const saved = await save(join(folder, 'numbers'), float, await load(float, tinyShell()))
  expect(await readFile(join(saved, 'config.json'), 'utf8')).toBe(
    await readFile(join(float, 'config.json'), 'utf8'),
  )
})
