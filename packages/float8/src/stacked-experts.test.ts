import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { registerQuantizer } from '@hfquant/core'
import { readTensorFile, relativeError, testFolder } from '@hfquant/testkit'
import { AutoModelForCausalLM, quantizeModel } from '@hfquant/transformers'
import { describe, expect, test } from 'vitest'
import { FineGrainedFP8Config, fp8 } from './index.js'

registerQuantizer(fp8)
const folder = testFolder()
const float = (name: string) =>
  fileURLToPath(new URL(`../../../goldens/architectures/${name}`, import.meta.url))
const tensorsOf = async (path: string) => (await readTensorFile(join(path, 'model.safetensors'))).tensors
const blocks = (rows: number, columns: number) =>
  new FineGrainedFP8Config({ weightBlockSize: [rows, columns] })

async function logitsOf(path: string): Promise<Float32Array> {
  const inputIds = [Array.from({ length: 24 }, (_, at) => (at * at * 5 + at) % 53)]
  await using model = await AutoModelForCausalLM.fromPretrained(path, { compute: 'exact' })
  return (await model.forward({ inputIds })).logits
}

async function notConverted(path: string): Promise<readonly string[]> {
  const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))
  return config.quantization_config.modules_to_not_convert
}

/** Names and shapes are those of the experts of transformers 5.18, which reads them on graphics cards. */
describe.each([
  [
    'gemma4_text-moe',
    'model.layers.1.experts.',
    'router.proj',
    {
      gate_up_proj: ['F8_E4M3', [5, 24, 24]],
      gate_up_proj_scale_inv: ['F32', [5, 6, 6]],
      down_proj: ['F8_E4M3', [5, 24, 12]],
      down_proj_scale_inv: ['F32', [5, 6, 3]],
    },
  ],
  [
    'granitemoe',
    'model.layers.1.block_sparse_moe.',
    'block_sparse_moe.router.layer',
    {
      'input_linear.weight': ['F8_E4M3', [5, 32, 24]],
      'input_linear.weight_scale_inv': ['F32', [5, 8, 6]],
      'output_linear.weight': ['F8_E4M3', [5, 24, 16]],
      'output_linear.weight_scale_inv': ['F32', [5, 6, 4]],
    },
  ],
] as const)('experts of %s, which are one tensor,', (name, prefix, router, expected) => {
  const made = join(folder, name)

  test('are made with a scale for each block of each of them', async () => {
    await quantizeModel(float(name), made, { quantizationConfig: blocks(4, 4) })
    const tensors = await tensorsOf(made)
    for (const [key, [dtype, shape]] of Object.entries(expected)) {
      expect(tensors.get(prefix + key), key).toMatchObject({ dtype, shape })
    }
    const listed = await notConverted(made)
    expect(listed).toEqual(expect.arrayContaining(['lm_head', `model.layers.1.${router}`]))
    expect(listed.filter((path) => path.includes('experts'))).toEqual([])
  })

  test('are saved as they came, and give what their values give', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(made)
    const saved = join(folder, `${name}-saved`)
    await model.savePretrained(saved)
    expect(await tensorsOf(saved)).toEqual(await tensorsOf(made))
    const restored = join(folder, `${name}-restored`)
    await model.dequantize()
    await model.savePretrained(restored)
    const [found, original] = [await tensorsOf(restored), await tensorsOf(float(name))]
    expect([...found.keys()].sort()).toEqual([...original.keys()].sort())
    for (const key of Object.keys(expected).filter((each) => !each.endsWith('_scale_inv'))) {
      const [values, wanted] = [found, original].map(
        (tensors) => new Float32Array(tensors.get(prefix + key)!.bytes.slice().buffer),
      )
      // Three bits behind the first one, and smaller steps than the last of them near 0.
      const isFar = (value: number, at: number) =>
        Math.abs(value - wanted![at]!) > Math.abs(wanted![at]!) / 16 + 1e-3
      expect(values!.filter(isFar), key).toHaveLength(0)
    }
    const [own, other] = [await logitsOf(made), await logitsOf(restored)]
    expect(relativeError(other, own)).toBeLessThan(2e-5)
  })
})

test('experts with biases stay in float, as in Python', async () => {
  const out = join(folder, 'gpt_oss')
  const quantizationConfig = new FineGrainedFP8Config({ weightBlockSize: [8, 3] })
  await quantizeModel(float('gpt_oss'), out, { quantizationConfig })
  expect((await tensorsOf(out)).get('model.layers.0.mlp.experts.gate_up_proj')).toMatchObject({
    dtype: 'F32',
  })
  // Else Python would put eight-bit experts in their place.
  expect(await notConverted(out)).toEqual(
    expect.arrayContaining(['model.layers.0.mlp.router', 'model.layers.0.mlp.experts']),
  )
})

test('an expert whose rows are all within one block is refused', async () => {
  const request = quantizeModel(float('granitemoe'), join(folder, 'low'), {
    quantizationConfig: blocks(32, 4),
  })
  await expect(request).rejects.toMatchObject({
    code: 'BLOCK_INDIVISIBLE',
    found: 32,
    expected: 'more than 32',
  })
})
