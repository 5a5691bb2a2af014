import { join } from 'node:path'
import { createKernelPool } from '@hfquant/kernels'
import { describe, expect, test } from 'vitest'
import { nodeEnvironment } from '../dispatch/node-environment.js'
import type { ProgressEvent } from '../report/progress.js'
import { stateDict } from '../save/state-dict.js'
import { findModule } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import { bytesOf, float, folder, load } from '../testing/load-tiny-model.fixture.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { tinyShell, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'
import { planModel } from './load-model.js'
import { openCheckpoint } from './open-checkpoint.js'
import { dequantizedChunks, readParameter } from './read-parameter.js'

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

  test('that is trusted is not read to see whether a tie holds', async () => {
    await using checkpoint = await openCheckpoint(float)
    const shell = tinyShell({ tied: true })
    const plan = { shell, quantizer: undefined, environment: nodeEnvironment() }
    const { warnings } = await planModel({ ...plan, checkpoint: { ...checkpoint, trusted: true } })
    expect(warnings).toEqual([])
    expect(stateDict(shell).map(({ name }) => name)).not.toContain('lm_head.weight')
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

describe('a tensor that the model has no place for', () => {
  const withTensor = (name: string) =>
    writeTinyCheckpoint(join(folder, `named-${named++}`), { shapes: { [name]: [1] } })
  let named = 0

  test('may be called whatever it likes: its name is looked up, not taken apart', async () => {
    const names = ['.'.repeat(1e6), `model${'.a'.repeat(5e5)}.weight`, '', '.', 'lm_head', 'lm_head.']
    const before = process.memoryUsage().heapUsed
    for (const name of names) {
      const { report } = await load(await withTensor(name), tinyShell(), rowInt8())
      expect(report.unexpected).toEqual([name])
    }
    // Filed under each of its beginnings, one name of a megabyte took some hundred megabytes.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 2 ** 20)
  })

  test('is named in a warning that no terminal obeys', async () => {
    const hostile = '\x1b[2J\x1b]0;owned\x07\nINFO: all is well'
    const { warnings } = await load(await withTensor(hostile), tinyShell())
    expect(warnings).toEqual([
      '1 tensors of the checkpoint have no place in the model: "\\u001b[2J\\u001b]0;owned\\u0007\\nINFO: all is well"',
    ])
    const long = await load(await withTensor('a'.repeat(1e6)), tinyShell())
    expect(long.warnings[0]!.length).toBeLessThan(400)
  })
})
