import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CompressedTensorsConfig } from '@hfquant/compressed-tensors'
import { defineQuantizer } from '@hfquant/core'
import { gptq } from '@hfquant/gptq'
import { type CheckpointChange, changeCheckpoint, testFolder } from '@hfquant/testkit'
import { expect, test } from 'vitest'
import { convertModel, quantizeModel, registerQuantizer } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { actOrder, float } from './testing/gptq.fixture.js'

const folder = testFolder()
const CT = golden('compressed_tensors/tiny-llama-ct-w4a16')
const FIRST = 'model.layers.0.self_attn.q_proj'
const UP = 'model.layers.1.mlp.up_proj'

/** Another tensor of some float16 or int32 values. */
const add =
  (name: string, dtype: 'F16' | 'I32', shape: readonly number[], read: (at: number) => number) =>
  (tensors: Parameters<CheckpointChange>[0]) => {
    const length = shape.reduce((product, size) => product * size, 1)
    const values = Array.from({ length }, (_, at) => read(at))
    const bytes = new Uint8Array((dtype === 'F16' ? Uint16Array : Int32Array).from(values).buffer)
    tensors.set(name, { dtype, shape, bytes })
  }

const widenScales: CheckpointChange = (tensors) => {
  for (const [name, { shape }] of tensors) {
    if (!name.endsWith('.weight_scale')) continue
    const values = Float32Array.from({ length: shape[0]! * shape[1]! }, () => 0.01)
    tensors.set(name, { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) })
  }
}

test.each<readonly [string, string, CheckpointChange | undefined, string, object]>([
  ['channels in the order of their importance', actOrder, undefined, 'compressed-tensors', about('desc_act')],
  [
    'groups of scattered columns',
    CT,
    add(`${UP}.weight_g_idx`, 'I32', [64], (at) => at % 2),
    'gptq',
    { ...about('actorder'), module: UP },
  ],
  [
    'inputs that are quantized as well',
    golden('compressed_tensors/tiny-llama-ct-w8a8'),
    undefined,
    'gptq',
    about('input_activations'),
  ],
  [
    'floats of eight bits',
    golden('compressed_tensors/tiny-llama-ct-fp8-dynamic'),
    undefined,
    'awq',
    about('float8 e4m3fn per row, which is not integers in groups'),
  ],
  [
    'weights of two widths',
    golden('awq/tiny-llama-auto-round'),
    undefined,
    'compressed-tensors',
    { ...about('has bits 8, and'), module: 'model.layers.1.mlp.down_proj', found: 8, expected: 4 },
  ],
  ['scales that readers would round', CT, widenScales, 'awq', { ...about('float32'), module: FIRST }],
  ['the same', CT, widenScales, 'gptq', { ...about('float32'), module: FIRST }],
  [
    'a scale of keys',
    CT,
    add('model.layers.0.self_attn.k_scale', 'F16', [1], () => 0x3c00),
    'awq',
    { ...about('belongs to no weight'), module: 'model.layers.0.self_attn.k_scale' },
  ],
  [
    'keys and values that servers quantize',
    CT,
    (_, { quantization_config: block }) =>
      void Object.assign(block as object, { kv_cache_scheme: { num_bits: 8, type: 'float', dynamic: true } }),
    'gptq',
    about('kv_cache_scheme'),
  ],
  [
    'another tensor of a weight',
    CT,
    add(`${UP}.input_scale`, 'F16', [1], () => 0x3c00),
    'gptq',
    { ...about('"input_scale"'), module: UP },
  ],
  [
    'a bias that the architecture does not have',
    golden('awq/tiny-llama-auto-round-asym'),
    add(`${UP}.bias`, 'F16', [128], () => 0x3c00),
    'awq',
    { ...about('has a bias'), module: UP },
  ],
  [
    'a layer in float in one block, of which GPTQ has no way to tell',
    golden('awq/tiny-llama-auto-round-awq'),
    undefined,
    'gptq',
    { code: 'LAYERS_UNSAYABLE', module: 'model.layers.0.self_attn.k_proj' },
  ],
  [
    'a model whose list leaves every layer in float',
    float,
    (_, config) => {
      const weights = { num_bits: 4, strategy: 'channel' }
      config.quantization_config = {
        ...{ quant_method: 'compressed-tensors', ignore: ['re:.*'] },
        config_groups: { group_0: { targets: ['Linear'], weights } },
      }
    },
    'gptq',
    { code: 'MODEL_FLOAT', message: expect.stringContaining('no codes') },
  ],
  ['a float model', float, undefined, 'gptq', { code: 'MODEL_FLOAT', file: float }],
  [
    'a method that stores its own alone',
    CT,
    undefined,
    'torchao',
    { code: 'CONVERSION_TARGET', field: 'to' },
  ],
  ['a method that nobody knows', CT, undefined, 'exl9', { code: 'QUANT_METHOD_UNKNOWN' }],
])('%s is refused before anything is written', async (name, from, change, to, error) => {
  const changed = join(folder, `${name}-${to}`)
  const source = change === undefined ? from : await changeCheckpoint(from, changed, change)
  const out = join(folder, `${name}-${to}-out`)
  const refused = { hint: expect.any(String), ...error }
  await expect(convertModel(source, out, { to, dryRun: true })).rejects.toMatchObject(refused)
  await expect(convertModel(source, out, { to })).rejects.toMatchObject(refused)
  expect(existsSync(out)).toBe(false)
})

test('codes of eight bits are refused by AWQ', async () => {
  const source = join(folder, 'w8a16')
  const quantizationConfig = new CompressedTensorsConfig({
    configGroups: {
      group_0: { targets: ['Linear'], weights: { numBits: 8, strategy: 'group', groupSize: 32 } },
    },
  })
  await quantizeModel(float, source, { quantizationConfig, dtype: 'float16' })
  const refused = { ...about('codes of 8 bits, expected 4'), module: FIRST }
  await expect(convertModel(source, join(folder, 'never'), { to: 'awq' })).rejects.toMatchObject(refused)
})

test('a plug-in whose format cannot be packed is told so', async () => {
  const { definition } = gptq
  const convert = {
    ...definition.convert!,
    formatFor: (...given: Parameters<NonNullable<typeof definition.convert>['formatFor']>) => ({
      ...definition.convert!.formatFor(...given),
      pack: undefined,
    }),
  }
  registerQuantizer(defineQuantizer({ ...definition, quantMethod: 'unpacked', convert } as typeof definition))
  await expect(convertModel(CT, join(folder, 'unpacked'), { to: 'unpacked' })).rejects.toMatchObject({
    ...{ code: 'FORMAT_INVALID', module: FIRST, message: expect.stringContaining('has no pack') },
  })
})

test('options are checked first', async () => {
  const out = join(folder, 'options')
  const call = convertModel as (...args: readonly unknown[]) => Promise<unknown>
  await expect(call(CT, out, { to: 4 })).rejects.toMatchObject({ code: 'OPTION_VALUE', field: 'to' })
  await expect(call(CT, out)).rejects.toMatchObject({ name: 'ConfigError' })
  await expect(call(CT, out, { to: 'awq', dtype: 'float32' })).rejects.toMatchObject({
    ...{ code: 'OPTION_UNKNOWN', field: 'dtype' },
  })
})

test('a conversion that is stopped leaves nothing', async () => {
  const out = join(folder, 'stopped')
  const stop = new AbortController()
  const onProgress = () => stop.abort(new Error('enough'))
  const request = convertModel(CT, out, { to: 'awq', signal: stop.signal, onProgress })
  await expect(request).rejects.toThrow('enough')
  expect(existsSync(out)).toBe(false)
})

/** What a refusal is expected to say. */
function about(text: string) {
  return { name: 'CapabilityError', code: 'CONVERSION_INEXACT', message: expect.stringContaining(text) }
}
