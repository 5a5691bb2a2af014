import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { quantizeModel, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { float, int8, load, parent } from './testing/quantize.fixture.js'

describe('quantizeLmHead', () => {
  test.each(['int8-weight-only', 'nf4', 'rtn-int4-g32'])(
    'quantizes the head of an untied model: %s',
    async (name) => {
      const out = join(parent, `head-${name}`)
      const quantizationConfig = await recipe(name)
      const { quantized, skipped } = await quantizeModel(float, out, {
        quantizationConfig,
        quantizeLmHead: true,
      })
      expect(quantized).toContain('lm_head')
      expect(skipped).toEqual([])
      await using made = await load(float, { quantizationConfig, quantizeLmHead: true, compute: 'exact' })
      await using stored = await load(out, { compute: 'exact' })
      expect(stored.quantization?.skipped).toEqual([])
      expect(stored.quantization?.config).toEqual(made.quantization?.config)
    },
  )

  test('of a GPTQ model is said, because transformers would put random weights in its place', async () => {
    const quantizationConfig = await recipe('rtn-int4-g32')
    const said = expect.stringContaining('transformers does not read a quantized output projection')
    const out = join(parent, 'head-said')
    const make = (quantizeLmHead: boolean) =>
      quantizeModel(float, out, { quantizationConfig, quantizeLmHead, dryRun: true })
    expect((await make(true)).warnings).toContainEqual(said)
    expect((await make(false)).warnings).not.toContainEqual(said)
  })

  test('leaves a head alone that shares its weight with the embedding', async () => {
    const tied = golden('architectures/llama-tied-rope3')
    const names = ['int8-weight-only', 'rtn-int4-g32']
    for (const name of names) {
      await using model = await load(tied, { quantizationConfig: await recipe(name), quantizeLmHead: true })
      expect(model.quantization?.skipped.map(({ module }) => module)).toEqual(['lm_head'])
    }
  })

  test.each([
    ['without a quantization', float, { quantizeLmHead: true }, 'OPTION_VALUE'],
    ['that is no boolean', float, { quantize: 'int8', quantizeLmHead: 1 as never }, 'OPTION_VALUE'],
    ['of a quantized model', int8, { quantize: 'int8', quantizeLmHead: true }, 'MODEL_QUANTIZED'],
  ])('%s is refused', async (_what, source, options, code) => {
    await expect(load(source, options)).rejects.toMatchObject({ code, field: 'quantizeLmHead' })
  })
})
