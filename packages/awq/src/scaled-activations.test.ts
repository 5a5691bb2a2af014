import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { registerQuantizer } from '@hfquant/core'
import {
  type CheckpointChange,
  changeCheckpoint,
  readTensorFile,
  relativeError,
  testFolder,
  tinyConfig,
  writeTinyModel,
} from '@hfquant/testkit'
import { AutoModelForCausalLM, quantizeModel } from '@hfquant/transformers'
import { beforeAll, describe, expect, test } from 'vitest'
import { AwqConfig, awq } from './index.js'

/**
 * Families whose readers, AutoAWQ, transformers and vLLM, divide what the activation function gives by scales in the file:
 * where it has none, what they read is uninitialized memory.
 */

registerQuantizer(awq)
const folder = testFolder()
const SIZE = { layers: 1, hidden: 64, inner: 128 }
const INPUT = { inputIds: [[1, 5, 9, 13, 2, 7]] }

const tensorsOf = async (path: string) => (await readTensorFile(join(path, 'model.safetensors'))).tensors

const float16 = (values: readonly number[]) => {
  const bits = Uint16Array.from(values, (value) => ((Math.log2(value) + 15) << 10) & 0x7fff)
  return new Uint8Array(bits.buffer)
}

async function logitsOf(path: string, compute: 'exact' | 'fast'): Promise<Float32Array> {
  await using model = await AutoModelForCausalLM.fromPretrained(path, { compute })
  return (await model.forward(INPUT)).logits
}

describe.each([
  ['gpt_neox', 'gpt_neox.layers.0.mlp.act', 'dense_4h_to_h'],
  ['gptj', 'transformer.h.0.mlp.act', 'fc_out'],
  ['falcon', 'transformer.h.0.mlp.act', 'dense_4h_to_h'],
  ['bloom', 'transformer.h.0.mlp.gelu_impl', 'dense_4h_to_h'],
  ['gpt_bigcode', 'transformer.h.0.mlp.act', 'c_proj'],
  ['starcoder2', 'model.layers.0.mlp.act', 'c_proj'],
] as const)('%s', (family, activation, next) => {
  const scales = `${activation}.scales`
  const made = join(folder, `${family}-awq`)
  /** Powers of two, so that halves of a file's other scales say the same exactly. */
  const factorOf = (group: number) => 2 ** (group % 3)
  const change = (name: string, by: CheckpointChange) => changeCheckpoint(made, join(folder, name), by)

  beforeAll(async () => {
    const url = new URL(`../../../goldens/architectures/${family}/config.json`, import.meta.url)
    const config = JSON.parse(await readFile(fileURLToPath(url), 'utf8'))
    const source = await writeTinyModel(join(folder, family), tinyConfig(config, SIZE))
    await quantizeModel(source, made, { quantizationConfig: new AwqConfig({ method: 'rtn', groupSize: 32 }) })
  })

  test('is made with scales of 1', async () => {
    const { dtype, bytes, shape } = (await tensorsOf(made)).get(scales)!
    expect([dtype, bytes]).toEqual(['F16', float16(new Array(shape[0]!).fill(1))])
  })

  test('is computed with other scales, and saved as it came', async () => {
    const scaled = await change(`${family}-scaled`, (tensors) => {
      const tensor = tensors.get(scales)!
      const values = Array.from({ length: tensor.shape[0]! }, (_, column) =>
        factorOf(Math.floor(column / 32)),
      )
      tensors.set(scales, { ...tensor, bytes: float16(values) })
    })
    const same = await change(`${family}-same`, (tensors) => {
      const name = `${activation.slice(0, activation.lastIndexOf('.'))}.${next}.scales`
      const tensor = tensors.get(name)!
      const [, rows = 1] = tensor.shape
      const bits = new Uint16Array(tensor.bytes.slice().buffer)
      // An exponent less for each factor of two.
      bits.forEach((value, at) => {
        bits[at] = value - (Math.log2(factorOf(Math.floor(at / rows))) << 10)
      })
      tensors.set(name, { ...tensor, bytes: new Uint8Array(bits.buffer) })
    })
    for (const compute of ['exact', 'fast'] as const) {
      const found = await logitsOf(scaled, compute)
      expect(relativeError(found, await logitsOf(same, compute))).toBeLessThan(2e-6)
      expect(relativeError(found, await logitsOf(made, compute))).toBeGreaterThan(1e-3)
    }
    await using model = await AutoModelForCausalLM.fromPretrained(scaled)
    expect(model.warnings).toEqual([])
    const saved = join(folder, `${family}-saved`)
    await model.savePretrained(saved)
    expect(await tensorsOf(saved)).toEqual(await tensorsOf(scaled))
  })
})

test('a scale of 0 is refused by the name that it has in the file', async () => {
  const zero = await changeCheckpoint(join(folder, 'gptj-awq'), join(folder, 'zero'), (tensors) => {
    const tensor = tensors.get('transformer.h.0.mlp.act.scales')!
    tensors.set('transformer.h.0.mlp.act.scales', { ...tensor, bytes: new Uint8Array(tensor.bytes.length) })
  })
  await expect(AutoModelForCausalLM.fromPretrained(zero)).rejects.toMatchObject({
    code: 'SCALE_INVALID',
    hint: expect.stringContaining('damaged'),
  })
})
