import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openSafetensorsCheckpoint, writeSafetensors } from '@hfquant/safetensors'
import { describe, expect, test } from 'vitest'
import { defineQuantizer } from '../dispatch/define-quantizer.js'
import { registerQuantizer } from '../dispatch/registry.js'
import type { CheckpointMapping } from '../shell/checkpoint-mapping.js'
import { Embedding, findModule, Linear, Module } from '../shell/module.js'
import type { Shell } from '../shell/shell.js'
import { bytesOf, folder, load, save } from '../testing/load-tiny-model.fixture.js'
import { rowInt8 } from '../testing/row-int8.fixture.js'

const [COUNT, HIDDEN, INNER] = [3, 8, 4]
const MLP = 'model.layers.0.mlp'

/** One layer with a router, matrices of each expert, and a scale of each that the model has in one parameter. */
function shellWith(checkpoint: CheckpointMapping, stacked = false): Shell {
  const root = new Module()
  const model = root.child('model', new Module())
  model.child('embed_tokens', new Embedding(4, HIDDEN, 'float32'))
  const mlp = model.child('layers', new Module()).child('0', new Module()).child('mlp', new Module())
  mlp.child('gate', new Linear(HIDDEN, COUNT, 'float32', { quantizable: false }))
  mlp.parameter('scales', 'float32', [COUNT, HIDDEN])
  const experts = mlp.child('experts', new Module())
  for (let index = 0; index < COUNT; index++) {
    const expert = experts.child(String(index), new Module())
    expert.child('down_proj', new Linear(INNER, HIDDEN, 'float32', { stacked }))
    for (const name of ['gate_proj', 'up_proj'])
      expert.child(name, new Linear(HIDDEN, INNER, 'float32', { stacked }))
  }
  root.child('lm_head', new Linear(HIDDEN, 4, 'float32'))
  return {
    ...{ root, dtype: 'float32', basePrefix: 'model', inputEmbedding: 'model.embed_tokens' },
    ...{ outputEmbedding: 'lm_head', ties: [], checkpoint },
  }
}

const STACKED: CheckpointMapping = [
  { from: 'scales.*.weight', to: 'scales' },
  { from: 'router.weight', to: 'gate.weight' },
]
const CUT: CheckpointMapping = [
  ...STACKED,
  { from: 'experts.gate_up_proj', to: 'experts.*.gate_proj.weight', part: 'rows 1/2' },
  { from: 'experts.gate_up_proj', to: 'experts.*.up_proj.weight', part: 'rows 2/2' },
  { from: 'experts.down_proj', to: 'experts.*.down_proj.weight' },
]
const READ_ONLY = CUT.map((rule) => ({ ...rule, readOnly: true as const }))

interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

const tensor = (name: string, shape: readonly number[], seed: number): Tensor => {
  const count = shape.reduce((product, size) => product * size, 1)
  return { name, shape, values: Float32Array.from({ length: count }, (_, at) => Math.sin(seed + 1.3 * at)) }
}
const stack = (name: string, parts: readonly Tensor[], rows: number): Tensor => ({
  ...{ name, shape: [COUNT, rows, parts[0]!.shape[1]!] },
  values: Float32Array.from(parts.flatMap(({ values }) => [...values])),
})

const others = [
  tensor('model.embed_tokens.weight', [4, HIDDEN], 1),
  tensor(`${MLP}.gate.weight`, [COUNT, HIDDEN], 2),
  tensor('lm_head.weight', [4, HIDDEN], 3),
]
const scales = [0, 1, 2].map((index) => tensor(`${MLP}.scales.${index}.weight`, [HIDDEN], 90 + index))
/** Of each expert: gate, up, down. */
const perExpert = [0, 1, 2].map((index) => [
  tensor(`${MLP}.experts.${index}.gate_proj.weight`, [INNER, HIDDEN], 10 * index + 4),
  tensor(`${MLP}.experts.${index}.up_proj.weight`, [INNER, HIDDEN], 10 * index + 5),
  tensor(`${MLP}.experts.${index}.down_proj.weight`, [HIDDEN, INNER], 10 * index + 6),
])
const together = [
  stack(
    `${MLP}.experts.gate_up_proj`,
    perExpert.flatMap((own) => own.slice(0, 2)),
    2 * INNER,
  ),
  stack(
    `${MLP}.experts.down_proj`,
    perExpert.map((own) => own[2]!),
    HIDDEN,
  ),
]

async function write(name: string, tensors: readonly Tensor[]): Promise<string> {
  const path = join(folder, name)
  await mkdir(path)
  const data = tensors.map(({ values, ...rest }) => ({
    ...{ ...rest, dtype: 'F32' as const, data: new Uint8Array(values.slice().buffer) },
  }))
  await writeSafetensors(join(path, 'model.safetensors'), data)
  await writeFile(join(path, 'config.json'), '{"architectures": ["Tiny"]}')
  return path
}
const names = async (path: string) => {
  const opened = await openSafetensorsCheckpoint(join(path, 'model.safetensors'))
  await opened.close()
  return [...opened.tensors.keys()].sort()
}

const single = await write('single', [...others, ...scales, ...perExpert.flat()])
const whole = await write('whole', [...others, ...scales, ...together])

describe('tensors of numbers that the model has as one', () => {
  test('are ranges of the file, one behind the other', async () => {
    const { shell } = await load(single, shellWith(STACKED))
    const wanted = Buffer.concat(scales.map(({ values }) => Buffer.from(values.slice().buffer)))
    expect(Buffer.from((await bytesOf(shell))[`${MLP}.scales`]!)).toEqual(wanted)
    expect(findModule(shell.root, MLP)!.parameters.get('scales')!.storage.kind).toBe('parts')
  })

  test('are saved under the names that they were read from', async () => {
    const out = join(folder, 'single-again')
    await save(out, single, await load(single, shellWith(STACKED)))
    expect(await names(out)).toEqual(await names(single))
  })

  test.each([
    ['is missing', undefined, 'TENSOR_MISSING'],
    ['has another shape', [HIDDEN + 1], 'TENSOR_MISMATCH'],
  ] as const)('one that %s is refused by name', async (reason, shape, code) => {
    const name = `${MLP}.scales.1.weight`
    const changed = scales.flatMap((each) =>
      each.name !== name ? [each] : shape === undefined ? [] : [tensor(name, shape, 1)],
    )
    const path = await write(`one ${reason}`, [...others, ...changed, ...perExpert.flat()])
    await expect(load(path, shellWith(STACKED))).rejects.toMatchObject({ code, tensor: name })
  })

  test('beside the same tensor as one are refused', async () => {
    const twice = tensor(`${MLP}.scales`, [COUNT, HIDDEN], 5)
    const path = await write('twice', [...others, ...scales, twice, ...perExpert.flat()])
    await expect(load(path, shellWith(STACKED))).rejects.toMatchObject({ code: 'TENSOR_DUPLICATE' })
  })
})

describe('a tensor of numbers that the model has apart', () => {
  test('is the same model, read where it lies, under older names as well', async () => {
    const renamed = others.map((each) => ({ ...each, name: each.name.replace('mlp.gate', 'mlp.router') }))
    const older = await write('older', [...renamed, ...scales, ...together])
    const wanted = await bytesOf((await load(single, shellWith(CUT))).shell)
    for (const path of [whole, older]) {
      const { shell } = await load(path, shellWith(CUT))
      expect(await bytesOf(shell)).toEqual(wanted)
      const { storage } = findModule(shell.root, `${MLP}.experts.1.up_proj`)!.parameters.get('weight')!
      expect(storage).toMatchObject({ kind: 'file', byteLength: 4 * INNER * HIDDEN })
    }
  })

  test.each([
    ['is saved as it was read', CUT, whole],
    ['is saved apart where the layout is another one that is read', READ_ONLY, single],
  ])('%s', async (name, mapping, like) => {
    const out = join(folder, name)
    await save(out, whole, await load(whole, shellWith(mapping)))
    expect(await names(out)).toEqual(await names(like))
    expect(await bytesOf((await load(out, shellWith(mapping))).shell)).toEqual(
      await bytesOf((await load(whole, shellWith(mapping))).shell),
    )
  })

  test('is quantized as its parts are, in memory for one part at a time', async () => {
    const small = { maxInFlightBytes: 300 }
    const apart = await load(single, shellWith(READ_ONLY), rowInt8())
    const cut = await load(whole, shellWith(READ_ONLY), rowInt8(), small)
    expect(cut.quantization!.quantized).toEqual(apart.quantization!.quantized)
    expect(await bytesOf(cut.shell)).toEqual(await bytesOf(apart.shell))
  })

  test('that is too short, or does not divide, lacks the parts', async () => {
    const [gateUp, down] = together as [Tensor, Tensor]
    const short = { ...down, shape: [2, HIDDEN, INNER], values: down.values.slice(0, 2 * HIDDEN * INNER) }
    const path = await write('short', [...others, ...scales, gateUp, short])
    await expect(load(path, shellWith(CUT))).rejects.toMatchObject({
      ...{ code: 'TENSOR_MISSING', tensor: `${MLP}.experts.2.down_proj.weight` },
    })
    const odd = tensor(gateUp.name, [COUNT, 2 * INNER + 1, HIDDEN], 1)
    const uneven = await write('uneven', [...others, ...scales, odd, down])
    await expect(load(uneven, shellWith(CUT))).rejects.toMatchObject({
      ...{ code: 'TENSOR_MISSING', tensor: `${MLP}.experts.0.gate_proj.weight` },
    })
  })
})

describe('weights that files keep in one tensor', () => {
  /** A method that knows what becomes of such a tensor. */
  const stackedInt8 = defineQuantizer({
    ...rowInt8.definition,
    quantMethod: 'stacked_int8',
    files: { stacked: ['weight', 'weight_scale'] },
  })
  registerQuantizer(stackedInt8)

  test('stay in float with a method that has no layout for it', async () => {
    const { quantization } = await load(whole, shellWith(CUT, true), rowInt8())
    expect(quantization!.skipped).toContainEqual({
      module: `${MLP}.experts.0.up_proj`,
      reason: 'is kept in one tensor with others, for which row_int8 has no layout',
    })
  })

  test('are quantized as they would be apart, and saved and loaded as one tensor of each component', async () => {
    const model = await load(whole, shellWith(CUT, true), stackedInt8())
    const apart = await load(single, shellWith(READ_ONLY), rowInt8())
    expect(await bytesOf(model.shell)).toEqual(await bytesOf(apart.shell))
    const out = await save(join(folder, 'stacked-int8'), whole, model)
    await using opened = await openSafetensorsCheckpoint(join(out, 'model.safetensors'))
    expect(opened.tensors.get(`${MLP}.experts.gate_up_proj`)!.entry).toMatchObject({
      ...{ dtype: 'I8', shape: [COUNT, 2 * INNER, HIDDEN] },
    })
    expect(opened.tensors.get(`${MLP}.experts.down_proj_scale`)!.entry.shape).toEqual([COUNT, HIDDEN])
    const again = await load(out, shellWith(CUT, true))
    expect(await bytesOf(again.shell)).toEqual(await bytesOf(model.shell))
  })

  test('are quantized all or none', async () => {
    const config = stackedInt8({ keepInFloat: [`${MLP}.experts.1.gate_proj`] })
    await expect(load(whole, shellWith(CUT, true), config)).rejects.toMatchObject({
      ...{ code: 'STACK_SPLIT', module: `${MLP}.experts.1.gate_proj` },
    })
  })
})

test('a router stays in float whatever the method', async () => {
  const { quantization } = await load(single, shellWith(STACKED), rowInt8())
  expect(quantization!.skipped).toContainEqual({
    module: `${MLP}.gate`,
    reason: 'stays in float with every method',
  })
})
