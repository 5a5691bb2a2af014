import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoModelForCausalLM, quantizeModel } from 'hfquant'
import { hqq } from 'hfquant-backend-hqq'
import { afterAll, describe, expect, test } from 'vitest'
import { PACKINGS, unpackCodes } from './format/packing.js'
import { wordsOf } from './format/stored-parts.js'
import { golden, type RawTensor, readFile as readFileTensors, readTensors } from './testing/golden.fixture.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-hqq-'))
process.env.HFQUANT_CACHE = join(folder, 'cache')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const float = golden('tiny-llama-fp32')
/** Where dry runs would write. */
const unused = join(folder, 'unused')
const reference = 'tiny-llama-hqq-w4-g64'

describe('the float model, quantized as the reference was', async () => {
  const out = join(folder, 'w4-g64')
  await quantizeModel(float, out, { quantizationConfig: hqq({ nbits: 4, groupSize: 64 }) })
  const made = await readFileTensors(join(out, 'model.safetensors'))
  const wanted = await readTensors(`${reference}/model.safetensors`)

  test('has its tensors, with their dtypes and shapes', () => {
    const headers = (tensors: ReadonlyMap<string, RawTensor>) =>
      Object.fromEntries([...tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape }]))
    expect(headers(made)).toEqual(headers(wanted))
  })

  test('states the same facts and keeps what is not quantized', () => {
    for (const [name, { bytes }] of wanted) {
      if (/\.(W_q|scale|zero)$/.test(name)) continue
      expect(made.get(name)!.bytes, name).toEqual(bytes)
    }
  })

  test('has its codes, except where a near tie moved the end of the solver', () => {
    const packing = PACKINGS.find(({ name }) => name === '4bit_u8')!
    const unpacked = (bytes: Uint8Array) => {
      const codes = new Uint8Array(bytes.length * 2)
      unpackCodes(wordsOf(bytes, packing.word), packing, 0, codes)
      return codes
    }
    for (const [name, { bytes }] of wanted) {
      if (!name.endsWith('.W_q')) continue
      const [codes, other] = [unpacked(made.get(name)!.bytes), unpacked(bytes)]
      const differing = codes.filter((code, index) => code !== other[index]).length
      expect(differing / codes.length, name).toBeLessThanOrEqual(0.02)
    }
  })

  test('has its quantization_config', async () => {
    const configOf = async (path: string) =>
      JSON.parse(await readFile(join(path, 'config.json'), 'utf8')).quantization_config
    expect(await configOf(out)).toEqual(await configOf(golden(reference)))
  })
})

describe('the dtype of scale and zero', () => {
  const dtypes = async (nbits: 3 | 8, dtype: 'bfloat16' | 'float16') => {
    const out = join(folder, `${nbits}-${dtype}`)
    await quantizeModel(float, out, { quantizationConfig: hqq({ nbits }), dtype })
    const tensors = await readFileTensors(join(out, 'model.safetensors'))
    const layer = 'model.layers.0.mlp.up_proj'
    const text = new TextDecoder().decode(tensors.get(`${layer}.compute_dtype`)!.bytes)
    return [tensors.get(`${layer}.scale`)!.dtype, tensors.get(`${layer}.zero`)!.dtype, text]
  }

  test('is that of the model', async () => {
    expect(await dtypes(3, 'bfloat16')).toEqual(['BF16', 'BF16', 'torch.bfloat16'])
    expect(await dtypes(8, 'float16')).toEqual(['F16', 'F16', 'torch.float16'])
  })

  test('is float32 where bfloat16 would round zero points around 128 to halves', async () => {
    expect(await dtypes(8, 'bfloat16')).toEqual(['F32', 'F32', 'torch.float32'])
  })
})

describe('layers', () => {
  const settings = {
    nbits: 4,
    groupSize: 64,
    axis: 1,
    optimize: true,
    roundZero: undefined,
    viewAsFloat: false,
  } as const

  test('that settings by tag do not name stay in float, and say why', async () => {
    const quantizationConfig = hqq({
      dynamic: { 'mlp.up_proj': { ...settings, nbits: 2, groupSize: 16 }, 'mlp.down_proj': settings },
    })
    const { quantized, skipped } = await quantizeModel(float, unused, { quantizationConfig, dryRun: true })
    expect(quantized.map((path) => path.split('.').slice(3).join('.'))).toEqual([
      ...['mlp.up_proj', 'mlp.down_proj', 'mlp.up_proj', 'mlp.down_proj'],
    ])
    expect(skipped).toContainEqual({
      module: 'model.layers.0.self_attn.q_proj',
      reason: 'has no settings: dynamic does not name "self_attn.q_proj"',
    })
  })

  test('an empty skip list quantizes the head as well', async () => {
    const quantizationConfig = hqq({ skipModules: [] })
    const { quantized } = await quantizeModel(float, unused, { quantizationConfig, dryRun: true })
    expect(quantized).toContain('lm_head')
  })
})

describe('is refused before a weight is read', () => {
  test.each([
    [{ groupSize: 24 }, 'GROUP_SIZE', 'A group size of 128 fits'],
    // 64 x 64 weights in one group each leave one row of codes, which two codes a byte cannot hold.
    [{ groupSize: 4096 }, 'GROUP_SIZE', 'no multiple of 2'],
    [{ viewAsFloat: true }, 'VIEW_AS_FLOAT', 'not written'],
  ])('%j', async (options, code, text) => {
    const attempt = AutoModelForCausalLM.fromPretrained(float, { quantizationConfig: hqq(options) })
    const error = await attempt.catch((thrown) => thrown)
    expect(error).toMatchObject({ code, module: expect.stringContaining('proj') })
    expect(`${error.message} ${error.hint}`).toContain(text)
  })
})
