import { join } from 'node:path'
import { registerQuantizer } from '@hfquant/core'
import { readTensorFile, testFolder } from '@hfquant/testkit'
import { AutoModelForCausalLM } from '@hfquant/transformers'
import { describe, expect, test } from 'vitest'
import { AwqConfig, type AwqConfigOptions, awq } from '../index.js'
import { golden } from '../testing/golden.fixture.js'

registerQuantizer(awq)
const folder = testFolder()
const float = golden('../gptq/tiny-llama-fp32')
const { tensors } = await readTensorFile(join(float, 'calibration.safetensors'))
const ids = Array.from(new BigInt64Array(tensors.get('input_ids')!.bytes.buffer), Number)
/** The twelve sequences that the golden was calibrated with. */
const dataset = Array.from({ length: 12 }, (_, row) => ids.slice(row * 32, (row + 1) * 32))

const modelOf = async (path: string) => (await readTensorFile(join(path, 'model.safetensors'))).tensors

/** Quantizes the float golden in memory, and saves it. */
async function quantize(out: string, options: AwqConfigOptions) {
  const quantizationConfig = new AwqConfig({ groupSize: 32, ...options })
  await using model = await AutoModelForCausalLM.fromPretrained(float, { quantizationConfig })
  await model.savePretrained(join(folder, out))
  const { logits } = await model.forward({ inputIds: dataset })
  return { logits, tensors: await modelOf(join(folder, out)) }
}

describe('a model that is quantized here', () => {
  test('has the codes, scales and norms of the reference, to the bit, and leaves its checkpoint as it is', async () => {
    const before = await modelOf(float)
    const { tensors: made } = await quantize('linears', { dataset, clip: true })
    expect(made).toEqual(await modelOf(golden('tiny-llama-awq-g32-linears')))
    expect(await modelOf(float)).toEqual(before)
  })

  test('is nearer to the float model than one that is rounded to the nearest', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(float)
    const { logits: wanted } = await model.forward({ inputIds: dataset })
    const distance = ({ logits }: { readonly logits: Float32Array }) =>
      logits.reduce((sum, value, at) => sum + (value - wanted[at]!) ** 2, 0)
    for (const groupSize of [32, -1]) {
      const calibrated = distance(await quantize(`awq${groupSize}`, { dataset, groupSize }))
      const rounded = distance(await quantize(`rtn${groupSize}`, { method: 'rtn', groupSize }))
      expect(calibrated).toBeLessThan(0.9 * rounded)
    }
  })
})

describe('options are refused by name:', () => {
  test.each([
    [{ groupSize: 0 }, 'group_size'],
    [{ groupSize: '32' }, 'group_size'],
    [{ method: 'nearest' }, 'method'],
    [{ clip: 'yes' }, 'clip'],
    [{ samples: 0 }, 'samples'],
    [{ dataset: 'pileval' }, 'dataset'],
    [{ dataset: [{ text: 'a row' }] }, 'dataset'],
    [{ modulesToNotConvert: 'lm_head' }, 'modules_to_not_convert'],
    [{ bits: 4 }, 'bits'],
  ])('%j', (options, field) => {
    expect(() => new AwqConfig(options as never)).toThrow(expect.objectContaining({ field }))
  })

  test.each([
    [{ version: 'gemv' }, 'FORMAT_LOAD_ONLY', 'version'],
    [{ zero_point: false }, 'FORMAT_LOAD_ONLY', 'zero_point'],
    [{}, 'CALIBRATION_MISSING', 'dataset'],
  ])('what is not made: %j', async (json, code, field) => {
    const quantizationConfig = { quant_method: 'awq', ...json }
    const making = AutoModelForCausalLM.fromPretrained(float, { quantizationConfig })
    await expect(making).rejects.toMatchObject({ code, field })
  })
})
