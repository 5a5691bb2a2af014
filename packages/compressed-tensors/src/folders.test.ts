import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { registerQuantizer } from '@hfquant/core'
import { changeCheckpoint, readTensorFile, relativeError, testFolder, writeTinyModel } from '@hfquant/testkit'
import { AutoModelForCausalLM, quantizeModel } from '@hfquant/transformers'
import { describe, expect, test } from 'vitest'
import { CompressedTensorsConfig, compressedTensors } from './index.js'
import { golden } from './testing/golden.fixture.js'

registerQuantizer(compressedTensors)
const folder = testFolder()

const tensorsOf = async (path: string, file = 'model') =>
  (await readTensorFile(join(path, `${file}.safetensors`))).tensors
const configOf = async (path: string) => JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))

async function expectedOf(source: string) {
  const expected = await tensorsOf(source, 'expected')
  const floats = (name: string) => new Float32Array(expected.get(name)!.bytes.slice().buffer)
  const ids = new BigInt64Array(expected.get('input_ids')!.bytes.slice().buffer)
  return { floats, inputIds: [Array.from(ids, Number)] }
}

test('a block of an older release, under the name that it had, is read and written under the current one', async () => {
  const older = await changeCheckpoint(golden('tiny-llama-ct-w8a8'), join(folder, 'older'), (_, config) => {
    const { quant_method, ...block } = config.quantization_config as Record<string, unknown>
    config.compression_config = { quant_method, quantization_config: block, sparsity_config: {} }
    delete config.quantization_config
  })
  await using model = await AutoModelForCausalLM.fromPretrained(older)
  expect(model.quantization).toMatchObject({ method: 'compressed-tensors' })
  const saved = join(folder, 'older-saved')
  await model.savePretrained(saved)
  const { compression_config: gone, quantization_config: block } = await configOf(saved)
  expect(gone).toBeUndefined()
  expect(block).toHaveProperty('quantization_config.config_groups.group_0')
})

test('the head of GPT NeoX is ignored by the name of its file and by that which it has in transformers', async () => {
  const source = await writeTinyModel(join(folder, 'neox'), {
    ...{ architectures: ['GPTNeoXForCausalLM'], model_type: 'gpt_neox', tie_word_embeddings: false },
    ...{ hidden_size: 32, intermediate_size: 64, num_hidden_layers: 1, num_attention_heads: 2 },
    ...{ vocab_size: 96, max_position_embeddings: 64 },
  })
  const made = join(folder, 'neox-w8a8')
  await quantizeModel(source, made, {
    quantizationConfig: new CompressedTensorsConfig({ configGroups: { W8A8: ['Linear'] } }),
  })
  expect((await configOf(made)).quantization_config.ignore).toEqual(['embed_out', 'lm_head'])
  await using model = await AutoModelForCausalLM.fromPretrained(made)
  expect(model.warnings).toEqual([])
  await model.savePretrained(join(folder, 'neox-saved'))
  expect((await configOf(join(folder, 'neox-saved'))).quantization_config.ignore).toEqual([
    'embed_out',
    'lm_head',
  ])
})

test('four bits a row with inputs in eight compute the same when they are made and when they are loaded', async () => {
  const source = await writeTinyModel(join(folder, 'llama'), {
    ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', tie_word_embeddings: false },
    ...{ hidden_size: 32, intermediate_size: 64, num_hidden_layers: 1, num_attention_heads: 2 },
    ...{ vocab_size: 96, max_position_embeddings: 64 },
  })
  const quantizationConfig = new CompressedTensorsConfig({
    configGroups: {
      group_0: {
        targets: ['Linear'],
        weights: { numBits: 4, strategy: 'channel' },
        inputActivations: { numBits: 8, strategy: 'token', dynamic: true },
      },
    },
  })
  const inputIds = [[1, 5, 9, 13]]
  await using made = await AutoModelForCausalLM.fromPretrained(source, { quantizationConfig })
  const saved = join(folder, 'llama-w4a8')
  await made.savePretrained(saved)
  await using loaded = await AutoModelForCausalLM.fromPretrained(saved)
  expect((await made.forward({ inputIds })).logits).toEqual((await loaded.forward({ inputIds })).logits)
})

describe.each([
  // The fast product rounds activations as the checkpoint says here, and in blocks of int8 otherwise.
  ['tiny-llama-ct-w8a8', 'logits_activations', 0.02],
  ['tiny-llama-ct-w4a16', 'logits', 0.05],
  ['tiny-llama-ct-w4a16-asym', 'logits', 0.05],
  ['tiny-llama-ct-fp8-dynamic', 'logits', 0.05],
  ['tiny-llama-ct-mixed', 'logits', 0.05],
  // In blocks of 64, four groups of weights in each.
  ['tiny-llama-ct-nvfp4', 'logits', 0.06],
] as const)('%s', (name, fastLogits, fastError) => {
  const source = golden(name)

  test('gives the logits of its weights, and is saved as it came, to the bit', async () => {
    const { floats, inputIds } = await expectedOf(source)
    await using model = await AutoModelForCausalLM.fromPretrained(source, { compute: 'exact' })
    const { logits } = await model.forward({ inputIds })
    expect(relativeError(logits, floats('logits'))).toBeLessThan(2e-5)
    const saved = join(folder, name)
    await model.savePretrained(saved)
    expect(await tensorsOf(saved)).toEqual(await tensorsOf(source))
    expect((await configOf(saved)).quantization_config).toEqual((await configOf(source)).quantization_config)
    expect(model.warnings).toEqual([])
  })

  test('is computed fast, and known by its tensors where config.json does not say what it is', async () => {
    const { floats, inputIds } = await expectedOf(source)
    const unsaid = await changeCheckpoint(
      source,
      join(folder, `unsaid-${name}`),
      (_, config) => void delete config.quantization_config,
    )
    await using model = await AutoModelForCausalLM.fromPretrained(source)
    await using recovered = await AutoModelForCausalLM.fromPretrained(unsaid)
    const { logits } = await model.forward({ inputIds })
    expect(relativeError(logits, floats(fastLogits))).toBeLessThan(fastError)
    expect((await recovered.forward({ inputIds })).logits).toEqual(logits)
  })
})
