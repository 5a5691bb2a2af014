import { join } from 'node:path'
import { AwqConfig } from '@hfquant/awq'
import { GPTQConfig } from '@hfquant/gptq'
import { changeCheckpoint, testFolder, writeTinyModel } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { AutoModelForCausalLM, convertModel, type ProgressEvent, quantizeModel } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { allTensors, float, quantizationOf, symmetric } from './testing/gptq.fixture.js'

const folder = testFolder()
const at = (name: string): string => join(folder, name)
const METHODS = ['awq', 'compressed-tensors', 'gptq']

const logitsOf = async (model: string): Promise<Float32Array> => {
  await using loaded = await AutoModelForCausalLM.fromPretrained(model, { compute: 'exact', cache: false })
  return (await loaded.forward({ inputIds: [[1, 5, 9, 2, 17, 33, 4, 60]] })).logits
}

describe.each([
  ['awq', golden('awq/tiny-llama-awq-g32')],
  ['awq', golden('awq/tiny-qwen2-awq-g64')],
  ['compressed-tensors', golden('compressed_tensors/tiny-llama-ct-w4a16-asym')],
  ['gptq', symmetric],
])('%s, %s', (method, source) => {
  test.each(METHODS.filter((other) => other !== method))(
    'computes the same as %s, and comes back to the byte',
    async (other) => {
      const name = `${source.split('/').at(-1)}-${other}`
      const [there, back] = [at(name), at(`${name}-back`)]
      const result = await convertModel(source, there, { to: other })
      expect(result).toMatchObject({ from: method, method: other, warnings: [] })
      expect(await quantizationOf(there)).toMatchObject({ quant_method: other })
      expect(await logitsOf(there)).toEqual(await logitsOf(source))
      await convertModel(there, back, { to: method })
      expect(await allTensors(back)).toEqual(await allTensors(source))
    },
  )
})

test('symmetric weights have no zero points in compressed-tensors, 8 in AWQ and v1 in GPTQ', async () => {
  const source = golden('compressed_tensors/tiny-llama-ct-w4a16')
  const [awq, gptq, back] = [at('middle-awq'), at('middle-gptq'), at('middle-back')]
  await convertModel(source, awq, { to: 'awq' })
  await convertModel(awq, gptq, { to: 'gptq' })
  await convertModel(gptq, back, { to: 'compressed-tensors' })
  const words = async (model: string) => {
    const { bytes } = (await allTensors(model)).get('model.layers.0.mlp.up_proj.qzeros')!
    return [...new Set(new Uint32Array(bytes.buffer))]
  }
  expect(await words(awq)).toEqual([0x88888888])
  expect(await words(gptq)).toEqual([0x77777777])
  expect(await quantizationOf(gptq)).toMatchObject({ sym: true, format: 'gptq', desc_act: false })
  expect(await allTensors(back)).toEqual(await allTensors(source))
  expect(await logitsOf(gptq)).toEqual(await logitsOf(source))
})

test('widths that both methods have are converted, codes that straddle words among them', async () => {
  const [source, there, back] = [at('int3'), at('int3-ct'), at('int3-back')]
  const quantizationConfig = new GPTQConfig({
    bits: 3,
    groupSize: 32,
    sym: false,
    method: 'rtn',
    format: 'gptq_v2',
  })
  await quantizeModel(float, source, { quantizationConfig })
  await convertModel(source, there, { to: 'compressed-tensors' })
  expect(await logitsOf(there)).toEqual(await logitsOf(source))
  await convertModel(there, back, { to: 'gptq' })
  expect(await allTensors(back)).toEqual(await allTensors(source))
})

test('models of AutoRound, with negative scales, become those of methods that servers know', async () => {
  const source = golden('awq/tiny-llama-auto-round-asym')
  const [gptq, ct] = [at('auto-round-gptq'), at('auto-round-ct')]
  await convertModel(source, gptq, { to: 'gptq' })
  expect(await quantizationOf(gptq)).toMatchObject({ quant_method: 'gptq', format: 'gptq_v2', sym: false })
  expect(await logitsOf(gptq)).toEqual(await logitsOf(source))

  const mixed = golden('awq/tiny-llama-auto-round-awq')
  const result = await convertModel(mixed, ct, { to: 'compressed-tensors' })
  expect(result.skipped.map(({ module }) => module)).toEqual(['model.layers.0.self_attn.k_proj', 'lm_head'])
  expect((await quantizationOf(ct)).ignore).toEqual(['model.layers.0.self_attn.k_proj', 'lm_head'])
  expect(await logitsOf(ct)).toEqual(await logitsOf(mixed))
})

test('scales of an activation function are left out and come back where all are 1, and are refused where they are not', async () => {
  const [model, source, there, back] = [at('gptj'), at('gptj-awq'), at('gptj-ct'), at('gptj-back')]
  await writeTinyModel(model, {
    ...{ architectures: ['GPTJForCausalLM'], model_type: 'gptj', tie_word_embeddings: false },
    ...{ n_embd: 32, n_layer: 1, n_head: 2, rotary_dim: 8, n_positions: 64, vocab_size: 96 },
  })
  const quantizationConfig = new AwqConfig({ method: 'rtn', groupSize: 32 })
  await quantizeModel(model, source, { quantizationConfig })
  await convertModel(source, there, { to: 'compressed-tensors' })
  const names = [...(await allTensors(there)).keys()]
  expect(names.filter((name) => name.includes('.act'))).toEqual([])
  expect(await logitsOf(there)).toEqual(await logitsOf(source))
  await convertModel(there, back, { to: 'awq' })
  expect(await allTensors(back)).toEqual(await allTensors(source))

  const scaled = await changeCheckpoint(source, at('gptj-scaled'), (tensors) => {
    tensors.get('transformer.h.0.mlp.act.scales')!.bytes.fill(0x40, 0, 2)
  })
  await expect(convertModel(scaled, at('never'), { to: 'gptq' })).rejects.toMatchObject({
    ...{ code: 'CONVERSION_INEXACT', module: 'transformer.h.0.mlp.fc_out' },
    message: expect.stringContaining('act_scales'),
  })
})

test('progress counts stored bytes, and a dry run says what would be written', async () => {
  const source = golden('awq/tiny-llama-awq-g32')
  const events: ProgressEvent[] = []
  const plan = await convertModel(source, at('never'), { to: 'gptq', dryRun: true })
  const done = await convertModel(source, at('seen'), {
    to: 'gptq',
    onProgress: (event) => events.push(event),
  })
  expect(plan).toEqual(done)
  expect(events.filter(({ stage }) => stage === 'convert').map(({ tensor }) => tensor)).toEqual(
    done.quantized.map((path) => `${path}.weight`),
  )
  expect(events.at(-1)).toMatchObject({ done: events.length, total: events.length })
  expect(events.at(-1)!.doneBytes).toBe(done.bytesBefore)
})
