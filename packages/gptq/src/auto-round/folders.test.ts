import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { registerLazyQuantizer } from '@hfquant/core/runtime'
import {
  type CheckpointChange,
  changeCheckpoint,
  readExpected,
  readTensorFile,
  relativeError,
  testFolder,
} from '@hfquant/testkit'
import { AutoModelForCausalLM, quantizeModel } from '@hfquant/transformers'
import { describe, expect, test } from 'vitest'
import { gptq } from '../gptq.js'
import { signs } from '../signs.js'

// As hfquant does it: a block of AutoRound names no method that there is, and is claimed.
for (const own of signs)
  registerLazyQuantizer({ ...own, packageName: '@hfquant/gptq', load: async () => gptq })
const folder = testFolder()
const golden = (name: string) => fileURLToPath(new URL(`../../../../goldens/awq/${name}`, import.meta.url))
const symmetric = golden('tiny-llama-auto-round')

const tensorsOf = async (path: string) => (await readTensorFile(join(path, 'model.safetensors'))).tensors
const jsonOf = async (path: string, name: string) => JSON.parse(await readFile(join(path, name), 'utf8'))

describe.each([
  ['tiny-llama-auto-round', 'one layer has 8 bits, one is float, half of the scales are negative'],
  ['tiny-llama-auto-round-asym', 'zero points are stored as they are'],
])('%s: %s', (name) => {
  const source = golden(name)

  test('gives the logits of its weights, and is saved as it came', async () => {
    const { sequences, logits } = await readExpected(source)
    for (const [compute, bound] of [
      ['exact', 2e-5],
      // What rounding activations to int8 costs, over all layers.
      ['fast', 0.08],
    ] as const) {
      await using model = await AutoModelForCausalLM.fromPretrained(source, { compute })
      const found = await model.forward({ inputIds: sequences.map((ids) => [...ids]) })
      expect(relativeError(found.logits, logits)).toBeLessThan(bound)
      expect(model.warnings).toEqual([])
      if (compute === 'fast') continue
      const saved = join(folder, name)
      await model.savePretrained(saved)
      expect(await tensorsOf(saved)).toEqual(await tensorsOf(source))
      // What config.json says of the weights that are float is not so in one of the files.
      expect((await jsonOf(saved, 'config.json')).dtype).toBe('bfloat16')
      const [{ quantization_config: block }, copy] = [
        await jsonOf(saved, 'config.json'),
        await jsonOf(saved, 'quantization_config.json'),
      ]
      expect(block).toEqual((await jsonOf(source, 'config.json')).quantization_config)
      expect(model.quantization!.config).toMatchObject(block)
      expect(copy).toEqual(block)
    }
  })
})

const block =
  (json: object): CheckpointChange =>
  (_, config) => {
    config.quantization_config = { ...(config.quantization_config as object), ...json }
  }
const DOWN = 'model.layers.1.mlp.down_proj'
const others = { 'model.layers.0.self_attn.k_proj': { bits: 16 } }

test('settings of a module are those of its path, before those of a pattern', async () => {
  const extra_config = { 'layers\\..*proj': { bits: 4 }, ...others, [DOWN]: { bits: 8 } }
  const path = await changeCheckpoint(symmetric, join(folder, 'path'), block({ extra_config }))
  await using model = await AutoModelForCausalLM.fromPretrained(path)
  expect(model.quantization!.skipped.map(({ module }) => module)).not.toContain(DOWN)
})

test('settings of modules may be those of a pattern', async () => {
  const extra_config = { ...others, '1\\.mlp\\.down': { bits: 8 } }
  const path = await changeCheckpoint(symmetric, join(folder, 'pattern'), block({ extra_config }))
  await using model = await AutoModelForCausalLM.fromPretrained(path)
  expect(model.quantization!.skipped.map(({ module }) => module)).not.toContain(DOWN)
})

test.each<readonly [string, object, object]>([
  [
    'a packing that nobody knows',
    { packing_format: 'auto_round:mlx' },
    { code: 'PACKING_UNSUPPORTED', field: 'packing_format' },
  ],
  [
    'tensors of compressed-tensors',
    { packing_format: 'auto_round:llm_compressor' },
    { code: 'PACKING_UNSUPPORTED' },
  ],
  [
    'quantized activations',
    { act_bits: 8 },
    { code: 'ACTIVATIONS_UNSUPPORTED', field: 'act_bits', found: 8 },
  ],
  ['5 bits', { bits: 5 }, { field: 'bits' }],
  ['settings of a module that are none', { extra_config: { [DOWN]: 8 } }, { field: 'extra_config' }],
  ['a pattern that is none', { extra_config: { '(': { bits: 8 } } }, { field: 'extra_config' }],
  [
    'other bits than the tensors have',
    { extra_config: others },
    { code: 'TENSOR_MISMATCH', module: DOWN, hint: expect.stringContaining('8 bits per weight') },
  ],
])('%s: refused', async (name, json, error) => {
  const path = await changeCheckpoint(symmetric, join(folder, name), block(json))
  await expect(AutoModelForCausalLM.fromPretrained(path)).rejects.toMatchObject(error)
})

test('a model of AutoRound is not made', async () => {
  const float = fileURLToPath(new URL('../../../../goldens/gptq/tiny-llama-fp32', import.meta.url))
  const quantizationConfig = gptq.parseConfig({ quant_method: 'auto-round', bits: 4, group_size: 32 })
  await expect(quantizeModel(float, join(folder, 'made'), { quantizationConfig })).rejects.toMatchObject({
    code: 'FORMAT_LOAD_ONLY',
  })
})
