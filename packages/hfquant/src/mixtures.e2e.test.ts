import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GPTQConfig } from '@hfquant/gptq'
import {
  changeCheckpoint,
  readTensorFile,
  type TensorFile,
  testFolder,
  tinyConfig,
  writeTinyModel,
} from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { AutoModelForCausalLM, quantizeModel } from './index.js'
import { golden } from './testing/golden.fixture.js'

const folder = testFolder()
type Tensors = TensorFile['tensors']

const qwen = golden('architectures/qwen3_moe')
const prompt = [Array.from({ length: 40 }, (_, at) => (at * 7 + 3) % 96)]

async function logitsOf(path: string, options: { readonly compute?: 'exact' | 'fast' } = {}) {
  await using model = await AutoModelForCausalLM.fromPretrained(path, { compute: 'exact', ...options })
  return (await model.forward({ inputIds: prompt })).logits
}

/** A folder with the configuration of the Qwen 3 mixture, and its tensors as `change` leaves them. */
const changed = (name: string, change: (tensors: Tensors) => void, more: Record<string, unknown> = {}) =>
  changeCheckpoint(qwen, join(folder, name), (tensors, config) => {
    change(tensors)
    Object.assign(config, more)
  })

/** The matrices of all experts in the two tensors that transformers has of them in memory. */
function fuse(tensors: Tensors): void {
  for (const layer of ['0', '1']) {
    const path = `model.layers.${layer}.mlp.experts`
    const take = (expert: number, name: string) => {
      const key = `${path}.${expert}.${name}.weight`
      const tensor = tensors.get(key)!
      tensors.delete(key)
      return tensor
    }
    const experts = [0, 1, 2, 3]
    const gateUp = experts.flatMap((index) => [take(index, 'gate_proj'), take(index, 'up_proj')])
    const down = experts.map((index) => take(index, 'down_proj'))
    const join3 = (parts: typeof down, rows: number) => ({
      dtype: parts[0]!.dtype,
      shape: [4, rows, parts[0]!.shape[1]!],
      bytes: Buffer.concat(parts.map(({ bytes }) => bytes)),
    })
    tensors.set(`${path}.gate_up_proj`, join3(gateUp, 64))
    tensors.set(`${path}.down_proj`, join3(down, 64))
  }
}

describe('the experts of a layer', () => {
  test('may be kept in one tensor each way, and are saved as matrices of each', async () => {
    const fused = await changed('fused', fuse)
    expect(await logitsOf(fused)).toEqual(await logitsOf(qwen))
    await using model = await AutoModelForCausalLM.fromPretrained(fused)
    const saved = join(folder, 'from-fused')
    await model.savePretrained(saved)
    const { tensors } = await readTensorFile(join(saved, 'model.safetensors'))
    expect(tensors).toEqual((await readTensorFile(join(qwen, 'model.safetensors'))).tensors)
  })

  test.each(['qwen3_moe', 'granitemoe', 'gpt_oss', 'deepseek_v3', 'mixtral'])(
    'of %s are saved in the layout that they came in, to the bit',
    async (name) => {
      const source = golden(`architectures/${name}`)
      await using model = await AutoModelForCausalLM.fromPretrained(source)
      const saved = join(folder, `saved-${name}`)
      await model.savePretrained(saved)
      const [before, after] = await Promise.all(
        [source, saved].map(async (path) => (await readTensorFile(join(path, 'model.safetensors'))).tensors),
      )
      expect(after).toEqual(before)
    },
  )
})

describe('a quantized mixture', () => {
  test('keeps its routers in float, and single experts that a configuration names', async () => {
    const quantizationConfig = {
      ...{ quant_method: 'bitsandbytes', load_in_4bit: true, bnb_4bit_quant_type: 'nf4' },
      llm_int8_skip_modules: ['lm_head', 'experts.2'],
    }
    await using model = await AutoModelForCausalLM.fromPretrained(qwen, { quantizationConfig })
    const skipped = model.quantization!.skipped.map(({ module }) => module)
    const ofLayer = (layer: number) =>
      skipped
        .filter((path) => path.startsWith(`model.layers.${layer}.`))
        .map((path) => path.slice(15))
        .sort()
    const kept = ['mlp.experts.2.down_proj', 'mlp.experts.2.gate_proj', 'mlp.experts.2.up_proj', 'mlp.gate']
    expect([ofLayer(0), ofLayer(1)]).toEqual([kept, kept])
  })

  const weights = async (name: string) => {
    const config = tinyConfig(JSON.parse(await readFile(join(qwen, 'config.json'), 'utf8')))
    return writeTinyModel(join(folder, `tiny-${name}`), { ...config, num_local_experts: 8 })
  }
  const dataset = (sequences: number, tokens: number) =>
    Array.from({ length: sequences }, (_, seed) =>
      Array.from({ length: tokens }, (_, at) => (at * at * (seed + 3) + at * 7 + seed * 31) % 96),
    )
  const distance = (left: Float32Array, right: Float32Array) =>
    Math.sqrt(left.reduce((sum, value, index) => sum + (value - right[index]!) ** 2, 0) / left.length)

  test('is nearer to the float model calibrated than rounded to nearest', async () => {
    const float = await weights('calibrated')
    const settings = { bits: 4, groupSize: 32 } as const
    const out = (name: string) => join(folder, name)
    await quantizeModel(float, out('fitted'), {
      quantizationConfig: new GPTQConfig({ ...settings, dataset: [...dataset(12, 64), ...prompt] }),
    })
    await quantizeModel(float, out('rounded'), {
      quantizationConfig: new GPTQConfig({ ...settings, method: 'rtn' }),
    })
    const wanted = await logitsOf(float)
    const [fitted, rounded] = [await logitsOf(out('fitted')), await logitsOf(out('rounded'))]
    expect(distance(fitted, wanted)).toBeLessThan(distance(rounded, wanted))
  })

  test('says once of each expert that few tokens met it, and rounds it', async () => {
    const float = await weights('few')
    const { warnings } = await quantizeModel(float, join(folder, 'few'), {
      quantizationConfig: new GPTQConfig({ bits: 4, groupSize: 32, dataset: [new Array(64).fill(5)] }),
    })
    const rounded = warnings.filter((text) => text.includes('rounded to nearest instead of calibrated'))
    expect(rounded.length).toBeGreaterThan(0)
    const experts = rounded.map((text) => /experts\.\d+/.exec(text)![0] + /layers\.\d/.exec(text)![0])
    expect(new Set(experts).size).toBe(rounded.length)
    expect(rounded[0]).toMatch(
      /gate_proj.*up_proj.*down_proj were rounded.*it saw 0 of 64 calibration tokens/,
    )
  })
})

describe('is refused before a weight is read:', () => {
  test.each<readonly [string, Record<string, unknown>, (tensors: Tensors) => void, object]>([
    [
      'more experts chosen than there are',
      { num_experts_per_tok: 5 },
      () => {},
      { code: 'FIELD_VALUE', field: 'num_experts_per_tok' },
    ],
    [
      'fewer experts than in the files',
      { num_local_experts: 3 },
      () => {},
      { code: 'TENSOR_MISMATCH', tensor: 'model.layers.0.mlp.gate.weight' },
    ],
    [
      'more experts than in the files',
      { num_local_experts: 5 },
      () => {},
      { code: 'TENSOR_MISMATCH', tensor: 'model.layers.0.mlp.gate.weight' },
    ],
    [
      'a missing expert',
      {},
      (tensors) => void tensors.delete('model.layers.1.mlp.experts.3.up_proj.weight'),
      { code: 'TENSOR_MISSING', tensor: 'model.layers.1.mlp.experts.3.up_proj.weight' },
    ],
    [
      'a tensor of all experts that is cut short',
      {},
      (tensors) => {
        fuse(tensors)
        const name = 'model.layers.0.mlp.experts.down_proj'
        const { dtype, shape, bytes } = tensors.get(name)!
        tensors.set(name, {
          dtype,
          shape: [3, ...shape.slice(1)],
          bytes: bytes.subarray(0, (bytes.length / 4) * 3),
        })
      },
      { code: 'TENSOR_MISSING', tensor: 'model.layers.0.mlp.experts.3.down_proj.weight' },
    ],
  ])('%s', async (name, config, change, error) => {
    const path = await changed(name, change, config)
    await expect(AutoModelForCausalLM.fromPretrained(path)).rejects.toMatchObject(error)
  })
})
