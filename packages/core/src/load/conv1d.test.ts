import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createKernelPool, runKernel } from '@hfquant/kernels'
import { writeSafetensors } from '@hfquant/safetensors'
import { afterAll, expect, test } from 'vitest'
import { AutoQuantizer } from '../dispatch/auto-quantizer.js'
import { nodeEnvironment } from '../dispatch/node-environment.js'
import { Conv1D, findModule, Linear, Module } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { dequantizeModel } from './dequantize-model.js'
import { loadModel } from './load-model.js'
import { openCheckpoint } from './open-checkpoint.js'
import { readParameter } from './read-parameter.js'
import { createScratchStore } from './store.js'

const [IN, OUT] = [40, 24]
const folder = temporaryFolder(afterAll)
const pool = createKernelPool({ workers: 2 })
afterAll(() => pool.dispose())

function shellWith(layer: Module): Shell {
  const root = new Module()
  root.child('layer', layer)
  root.child('head', new Linear(OUT, 4, 'float32'))
  return { root, dtype: 'float32', basePrefix: '', inputEmbedding: '', outputEmbedding: 'head', ties: [] }
}

async function load(name: string, layer: Module, weight: Float32Array, shape: readonly number[]) {
  const path = join(folder, name)
  const tensor = (tensorName: string, size: readonly number[], values: Float32Array) => ({
    name: tensorName,
    dtype: 'F32' as const,
    shape: size,
    data: new Uint8Array(values.buffer),
  })
  mkdirSync(path)
  await writeSafetensors(join(path, 'model.safetensors'), [
    tensor('layer.weight', shape, weight),
    tensor('layer.bias', [OUT], new Float32Array(OUT)),
    tensor('head.weight', [4, OUT], new Float32Array(4 * OUT)),
  ])
  const checkpoint = await openCheckpoint(path)
  afterAll(() => checkpoint.close())
  const merged = await AutoQuantizer.merge(undefined, rowInt8())
  const shell = shellWith(layer)
  const store = createScratchStore(folder)
  const options = {
    checkpoint,
    shell,
    quantizer: AutoQuantizer.create(merged!),
    environment: nodeEnvironment(),
  }
  await loadModel({ ...options, pool, store, maxInFlightBytes: 3000 })
  return shell
}

test('a layer that stores [in, out] is quantized, and restored, as the same layer that stores [out, in]', async () => {
  const rows = Float32Array.from(
    { length: IN * OUT },
    (_, index) => Math.sin(index * 1.7) * ((index % 5) + 1),
  )
  const turned = new Float32Array(rows.length)
  const params = { dtype: 'float32', rows: OUT, columns: IN }
  runKernel('transposeFloats', params, [new Uint8Array(rows.buffer)], [new Uint8Array(turned.buffer)])

  const linear = await load('linear', new Linear(IN, OUT, 'float32', { bias: true }), rows, [OUT, IN])
  const conv = await load('conv', new Conv1D(IN, OUT, 'float32'), turned, [IN, OUT])
  const [expected, found] = [linear, conv].map(({ root }) => findModule(root, 'layer') as QuantizedModule)
  expect(found).toBeInstanceOf(QuantizedModule)
  for (const key of ['weight', 'weight_scale']) {
    expect(await readParameter(found!.component(key))).toEqual(await readParameter(expected!.component(key)))
  }

  for (const shell of [linear, conv]) await dequantizeModel(shell, createScratchStore(folder))
  const [plain, back] = await Promise.all(
    [linear, conv].map(({ root }) => readParameter(findModule(root, 'layer')!.parameters.get('weight')!)),
  )
  const again = new Uint8Array(back!.length)
  runKernel('transposeFloats', { dtype: 'float32', rows: IN, columns: OUT }, [back!], [again])
  expect(findModule(conv.root, 'layer')).toBeInstanceOf(Conv1D)
  expect(again).toEqual(plain)
})
