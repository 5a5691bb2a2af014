import { renameSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { AutoModelForCausalLM, inspectModel } from './index.js'
import { largestDifference, readFloats, readIntegers } from './testing/golden.fixture.js'
import {
  actOrder,
  allTensors,
  logitsOf,
  quantizationOf,
  type StoredTensors,
  symmetric,
  variant,
} from './testing/gptq.fixture.js'

const folder = testFolder()
const at = (name: string): string => join(folder, name)

describe.each([actOrder, symmetric])('the checkpoint %s', (model) => {
  const expected = join(model, 'expected.safetensors')

  test('has the expected logits and continues as expected', async () => {
    expect(largestDifference(await logitsOf(model), await readFloats(expected, 'logits'))).toBeLessThan(1e-4)
    const inputIds = await readIntegers(expected, 'input_ids')
    await using loaded = await AutoModelForCausalLM.fromPretrained(model, { compute: 'exact' })
    const tokens: number[] = []
    const greedy = { maxNewTokens: 16, temperature: 0, ignoreEos: true }
    for await (const { tokenId } of loaded.generate({ inputIds }, greedy)) tokens.push(tokenId)
    expect(tokens).toEqual(await readIntegers(expected, 'greedy_ids'))
  })

  test('computes close to that on the fast path', async () => {
    const difference = largestDifference(
      await logitsOf(model, { compute: 'fast' }),
      await readFloats(expected, 'logits'),
    )
    expect(difference).toBeLessThan(1)
    expect(difference).toBeGreaterThan(0)
  })

  test('is the same after loading and saving, and again', async () => {
    const [first, second] = [at('saved-1'), at('saved-2')]
    for (const [from, to] of [
      [model, first],
      [first, second],
    ] as const) {
      await using loaded = await AutoModelForCausalLM.fromPretrained(from)
      await loaded.savePretrained(to)
    }
    expect(await allTensors(first)).toEqual(await allTensors(model))
    expect(await quantizationOf(first)).toEqual(await quantizationOf(model))
    for (const name of ['model.safetensors', 'config.json', 'quantize_config.json']) {
      expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)))
    }
  })
})

describe('checkpoints of other tools', () => {
  const expected = () => readFloats(join(symmetric, 'expected.safetensors'), 'logits')
  const expectSame = async (model: string) =>
    expect(largestDifference(await logitsOf(model), await expected())).toBeLessThan(1e-4)

  test('without g_idx', async () => {
    const model = await variant(at('no-g-idx'), (tensors) => {
      for (const name of tensors.keys()) if (name.endsWith('.g_idx')) tensors.delete(name)
    })
    await expectSame(model)
  })

  test('with old names of keys, and without "sym"', async () => {
    const model = await variant(at('old-keys'), (_tensors, config) => {
      for (const key of Object.keys(config)) delete config[key]
      Object.assign(config, { quant_method: 'gptq', wbits: 4, q_group_size: 64, checkpoint_format: 'gptq' })
    })
    await expectSame(model)
  })

  test('with quantize_config.json alone, and a weight file of the old name', async () => {
    const model = await variant(at('legacy'), () => {})
    const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'))
    const { quantization_config: saved, ...rest } = config
    await writeFile(join(model, 'config.json'), JSON.stringify(rest))
    await writeFile(
      join(model, 'quantize_config.json'),
      JSON.stringify({ bits: saved.bits, group_size: 64, sym: true, desc_act: false }),
    )
    renameSync(join(model, 'model.safetensors'), join(model, 'gptq_model-4bit-64g.safetensors'))
    await expectSame(model)
  })

  test('whose zero points are of the other format than the config says, with a warning', async () => {
    const model = await variant(at('mislabelled'), (tensors) => {
      for (const [name, { bytes }] of tensors) if (name.endsWith('.qzeros')) bytes.fill(0x88)
    })
    await expectSame(model)
    expect((await inspectModel(model)).warnings.join()).toMatch(/qzeros.*gptq_v2/)
  })

  test('with a bias of zeros that the architecture does not have; another one counts', async () => {
    const biased = (value: number) => (tensors: StoredTensors) => {
      const bytes = Buffer.alloc(128)
      bytes.writeUInt16LE(value, 6)
      tensors.set('model.layers.0.mlp.down_proj.bias', { dtype: 'F16', shape: [64], bytes })
    }
    await expectSame(await variant(at('zero-bias'), biased(0)))
    const model = await variant(at('bias'), biased(0x3c00))
    expect(largestDifference(await logitsOf(model), await expected())).toBeGreaterThan(0.01)
  })
})
