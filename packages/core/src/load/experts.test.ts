import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openSafetensorsCheckpoint, writeSafetensors } from '@hfquant/safetensors'
import { describe, expect, test } from 'vitest'
import { Embedding, Experts, findModule, Linear, Module } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import type { Shell } from '../shell/shell.js'
import { bytesOf, folder, load, save } from '../testing/load-tiny-model.fixture.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'
import { dequantizeModel } from './dequantize-model.js'
import { openCheckpoint } from './open-checkpoint.js'
import { readParameter } from './read-parameter.js'
import { createScratchStore } from './store.js'

const [COUNT, HIDDEN, INNER] = [3, 8, 4]
const EXPERTS = 'model.layers.0.mlp.experts'
const [GATE_UP, DOWN] = [`${EXPERTS}.gate_up_proj`, `${EXPERTS}.down_proj`]

/** One layer of experts with its router, kept in a checkpoint as matrices of each expert. */
function expertShell(stored: 'out-in' | 'in-out' = 'out-in'): Shell {
  const root = new Module()
  const model = root.child('model', new Module())
  model.child('embed_tokens', new Embedding(4, HIDDEN, 'float32'))
  const mlp = model.child('layers', new Module()).child('0', new Module()).child('mlp', new Module())
  mlp.child('gate', new Linear(HIDDEN, COUNT, 'float32', { quantizable: false }))
  const weights = {
    gate_up_proj: { outFeatures: 2 * INNER, inFeatures: HIDDEN, stored },
    down_proj: { outFeatures: HIDDEN, inFeatures: INNER, stored },
  }
  mlp.child('experts', new Experts(COUNT, weights, 'float32'))
  root.child('lm_head', new Linear(HIDDEN, 4, 'float32'))
  return {
    ...{ root, dtype: 'float32', basePrefix: 'model', inputEmbedding: 'model.embed_tokens' },
    ...{ outputEmbedding: 'lm_head', ties: [] },
    checkpoint: [
      { from: 'experts.*.gate_proj.weight', to: 'experts.gate_up_proj', part: 'rows 1/2' },
      { from: 'experts.*.up_proj.weight', to: 'experts.gate_up_proj', part: 'rows 2/2' },
      { from: 'experts.*.down_proj.weight', to: 'experts.down_proj' },
      { from: 'router.weight', to: 'gate.weight' },
    ],
  }
}

interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

const tensor = (name: string, shape: readonly number[], seed: number): Tensor => {
  const count = shape.reduce((product, size) => product * size, 1)
  const values = Float32Array.from({ length: count }, (_, index) => Math.sin(seed + 1.3 * index))
  return { name, shape, values }
}

const others = [
  tensor('model.embed_tokens.weight', [4, HIDDEN], 1),
  tensor('model.layers.0.mlp.gate.weight', [COUNT, HIDDEN], 2),
  tensor('lm_head.weight', [4, HIDDEN], 3),
]

/** Of each expert: gate, up, down. */
const perExpert = Array.from({ length: COUNT }, (_, index) => [
  tensor(`${EXPERTS}.${index}.gate_proj.weight`, [INNER, HIDDEN], 10 * index + 4),
  tensor(`${EXPERTS}.${index}.up_proj.weight`, [INNER, HIDDEN], 10 * index + 5),
  tensor(`${EXPERTS}.${index}.down_proj.weight`, [HIDDEN, INNER], 10 * index + 6),
])

const joined = (tensors: readonly Tensor[]): Float32Array =>
  Float32Array.from(tensors.flatMap(({ values }) => [...values]))

const gateUp = joined(perExpert.flatMap((matrices) => matrices.slice(0, 2)))
const down = joined(perExpert.map((matrices) => matrices[2]!))

async function write(name: string, tensors: readonly Tensor[]): Promise<string> {
  const path = join(folder, name)
  await mkdir(path)
  await writeSafetensors(
    join(path, 'model.safetensors'),
    tensors.map(({ values, ...rest }) => ({
      ...rest,
      dtype: 'F32' as const,
      data: new Uint8Array(values.buffer),
    })),
  )
  await writeFile(join(path, 'config.json'), '{"architectures": ["Tiny"]}')
  return path
}

const bytes = (values: Float32Array) => new Uint8Array(values.buffer)

/** Each matrix the other way round. */
function turned(values: Float32Array, rows: number, columns: number): Float32Array {
  const size = rows * columns
  return values.map((_, at) => {
    const [matrix, within] = [Math.floor(at / size), at % size]
    return values[matrix * size + (within % rows) * columns + Math.floor(within / rows)]!
  })
}

const names = async (path: string) => {
  const opened = await openSafetensorsCheckpoint(join(path, 'model.safetensors'))
  await opened.close()
  return [...opened.tensors.keys()].sort()
}

const layout = await write('per-expert', [...others, ...perExpert.flat()])

describe('matrices of each expert', () => {
  test('are one weight in the model, where they lie in the file', async () => {
    const { shell } = await load(layout, expertShell())
    const found = await bytesOf(shell)
    expect(found[GATE_UP]).toEqual(bytes(gateUp))
    expect(found[DOWN]).toEqual(bytes(down))
    const experts = findModule(shell.root, EXPERTS)!
    expect([...experts.parameters.values()].map(({ storage }) => storage.kind)).toEqual(['parts', 'parts'])
  })

  test('are saved under the names that they were read from', async () => {
    const out = join(folder, 'per-expert-again')
    await save(out, layout, await load(layout, expertShell()))
    expect(await names(out)).toEqual(await names(layout))
    expect(await bytesOf((await load(out, expertShell())).shell)).toEqual(
      await bytesOf((await load(layout, expertShell())).shell),
    )
  })

  test('may come as one tensor, too, and under older names', async () => {
    const fused = await write('fused', [
      ...others.map((each) => ({ ...each, name: each.name.replace('mlp.gate', 'mlp.router') })),
      { name: GATE_UP, shape: [COUNT, 2 * INNER, HIDDEN], values: gateUp },
      { name: DOWN, shape: [COUNT, HIDDEN, INNER], values: down },
    ])
    const { shell } = await load(fused, expertShell())
    expect(await bytesOf(shell)).toEqual(await bytesOf((await load(layout, expertShell())).shell))
  })

  test.each([
    ['is missing', `${EXPERTS}.1.up_proj.weight`, undefined, 'TENSOR_MISSING'],
    ['has another shape', `${EXPERTS}.1.up_proj.weight`, [INNER + 1, HIDDEN], 'TENSOR_MISMATCH'],
  ] as const)('one that %s is refused by name', async (reason, name, shape, code) => {
    const tensors = perExpert
      .flat()
      .flatMap((each) => (each.name !== name ? [each] : shape === undefined ? [] : [tensor(name, shape, 1)]))
    const path = await write(`one ${reason}`, [...others, ...tensors])
    await expect(load(path, expertShell())).rejects.toMatchObject({ code, tensor: name })
  })

  test('beside the same weight as one tensor are refused', async () => {
    const twice = { name: DOWN, shape: [COUNT, HIDDEN, INNER], values: down }
    const path = await write('twice', [...others, ...perExpert.flat(), twice])
    await expect(load(path, expertShell())).rejects.toMatchObject({ code: 'TENSOR_DUPLICATE', tensor: DOWN })
  })
})

describe('a module of several weights', () => {
  test('keeps its place when they are quantized, and a router stays in float', async () => {
    const { shell, quantization } = await load(layout, expertShell(), rowInt8())
    expect(quantization!.quantized).toEqual([GATE_UP, DOWN])
    expect(quantization!.skipped).toContainEqual({
      module: 'model.layers.0.mlp.gate',
      reason: 'stays in float with every method',
    })
    const experts = findModule(shell.root, EXPERTS)!
    expect(experts).toBeInstanceOf(Experts)
    expect([...experts.parameters.keys()]).toEqual([])
    const weight = findModule(shell.root, GATE_UP) as QuantizedModule
    expect(weight).toBeInstanceOf(QuantizedModule)
    expect(weight.info).toMatchObject({ kind: 'experts', matrices: COUNT, outFeatures: COUNT * 2 * INNER })
  })

  test('is quantized alike from each layout and in each order of axes', async () => {
    const fused = await write('in-out', [
      ...others,
      { name: GATE_UP, shape: [COUNT, HIDDEN, 2 * INNER], values: turned(gateUp, 2 * INNER, HIDDEN) },
      { name: DOWN, shape: [COUNT, INNER, HIDDEN], values: turned(down, HIDDEN, INNER) },
    ])
    const expected = await bytesOf((await load(layout, expertShell(), rowInt8())).shell)
    const shell = { ...expertShell('in-out'), checkpoint: [] }
    const turnedModel = await load(fused, shell, rowInt8(), { maxInFlightBytes: 300 })
    expect(await bytesOf(turnedModel.shell)).toEqual(expected)
    await dequantizeModel(turnedModel.shell, createScratchStore(folder))
    const { shell: plain } = await load(layout, expertShell(), rowInt8())
    await dequantizeModel(plain, createScratchStore(folder))
    const parameterOf = (root: Module, path: string) =>
      findModule(root, EXPERTS)!.parameters.get(path.split('.').at(-1)!)!
    for (const [path, rows, columns] of [
      [GATE_UP, 2 * INNER, HIDDEN],
      [DOWN, HIDDEN, INNER],
    ] as const) {
      const [back, straight] = await Promise.all(
        [turnedModel.shell, plain].map(
          async ({ root }) => new Float32Array((await readParameter(parameterOf(root, path))).slice().buffer),
        ),
      )
      expect(back).toEqual(turned(straight!, rows, columns))
    }
  })

  test('is saved quantized, and loads again the same', async () => {
    const model = await load(layout, expertShell(), rowInt8())
    const out = await save(join(folder, 'quantized'), layout, model)
    const again = await load(out, expertShell())
    expect(await bytesOf(again.shell)).toEqual(await bytesOf(model.shell))
    const checkpoint = await openCheckpoint(out)
    await checkpoint.close()
    expect([...checkpoint.tensors.keys()]).toContain(`${GATE_UP}.weight_scale`)
  })
})
