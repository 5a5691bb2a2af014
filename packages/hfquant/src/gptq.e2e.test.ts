import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GPTQConfig, type GPTQConfigOptions } from '@hfquant/gptq'
import { openSafetensors, writeSafetensors } from '@hfquant/safetensors'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { demoModel, storyList } from './demo/index.js'
import { AutoModelForCausalLM, AutoTokenizer, inspectModel, quantizeModel, recipe } from './index.js'
import { golden, largestDifference, readAll, readFloats, readIntegers } from './testing/golden.fixture.js'

// Some tests calibrate several times, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

const folder = mkdtempSync(join(tmpdir(), 'hfquant-gptq-'))
const cache = process.env.HFQUANT_CACHE
beforeAll(() => {
  process.env.HFQUANT_CACHE = join(folder, 'cache')
})
afterAll(() => {
  if (cache === undefined) delete process.env.HFQUANT_CACHE
  else process.env.HFQUANT_CACHE = cache
  rmSync(folder, { recursive: true, force: true })
})

const float = golden('gptq/tiny-llama-fp32')
const actOrder = golden('gptq/tiny-llama-gptq-w4-g32-desc-act')
const symmetric = golden('gptq/tiny-llama-gptq-w4-g64-sym')

const logitsOf = async (model: string, options: { compute?: 'exact' | 'fast'; threads?: number } = {}) => {
  const ids = await readIntegers(join(actOrder, 'expected.safetensors'), 'input_ids')
  await using loaded = await AutoModelForCausalLM.fromPretrained(model, { compute: 'exact', ...options })
  return (await loaded.forward({ inputIds: [ids] })).logits
}

const allTensors = async (model: string) => {
  const files = readdirSync(model).filter((name) => /^model.*\.safetensors$/.test(name))
  const tensors = await Promise.all(
    files.map(async (name) => [...(await readAll(join(model, name))).tensors]),
  )
  return new Map(tensors.flat().sort(([a], [b]) => (a < b ? -1 : 1)))
}

const quantizationOf = async (model: string) =>
  JSON.parse(await readFile(join(model, 'config.json'), 'utf8')).quantization_config

/** The twelve sequences that the goldens were calibrated with. */
async function calibrationTokens(): Promise<number[][]> {
  const ids = await readIntegers(join(float, 'calibration.safetensors'), 'input_ids')
  return Array.from({ length: 12 }, (_, row) => ids.slice(row * 32, (row + 1) * 32))
}

async function quantize(out: string, options: Partial<GPTQConfigOptions>, more: object = {}) {
  const dataset = await calibrationTokens()
  const quantizationConfig = new GPTQConfig({
    bits: 4,
    groupSize: 32,
    dampPercent: 0.01,
    actGroupAware: false,
    dataset,
    ...options,
  })
  return quantizeModel(float, join(folder, out), { quantizationConfig, ...more })
}

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
    const [first, second] = [join(folder, 'saved-1'), join(folder, 'saved-2')]
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

describe('quantizing the float golden with its own calibration tokens', () => {
  /** Codes that differ, as a share of the weights of the worst module. */
  async function worstModule(ours: string, theirs: string, bits: number): Promise<number> {
    const [found, wanted] = [await allTensors(ours), await allTensors(theirs)]
    const shares = [...wanted].flatMap(([name, { bytes }]) => {
      if (!name.endsWith('.qweight')) return []
      const other = found.get(name)!.bytes
      let different = 0
      for (let i = 0; i < bytes.length; i++) {
        for (let shift = 0; shift < 8; shift += bits) {
          if (((bytes[i]! ^ other[i]!) >> shift) & (2 ** bits - 1)) different += 1
        }
      }
      return [(different * bits) / 8 / bytes.length]
    })
    expect(shares.length).toBe(14)
    return Math.max(...shares)
  }

  test('reproduces the act-order checkpoint, up to 1 % of the codes of a module', async () => {
    await quantize('again-act', { sym: false, descAct: true, referenceSymmetric: true })
    expect(await worstModule(join(folder, 'again-act'), actOrder, 4)).toBeLessThan(0.01)
  })

  test('reproduces the symmetric checkpoint, and its logits', async () => {
    await quantize('again-sym', { groupSize: 64, referenceSymmetric: true })
    const out = join(folder, 'again-sym')
    expect(await worstModule(out, symmetric, 4)).toBeLessThan(0.01)
    const expected = await readFloats(join(symmetric, 'expected.safetensors'), 'logits')
    expect(largestDifference(await logitsOf(out), expected)).toBeLessThan(0.05)
  })

  test('writes the configuration of the spec, without a trace of the calibration data', async () => {
    const out = join(folder, 'again-sym')
    const saved = await quantizationOf(out)
    expect(saved).toEqual({
      quant_method: 'gptq',
      bits: 4,
      group_size: 64,
      desc_act: false,
      sym: true,
      lm_head: false,
      format: 'gptq',
      checkpoint_format: 'gptq',
      pack_dtype: 'int32',
      meta: {
        quantizer: [expect.stringMatching(/^hfquant:/)],
        damp_percent: 0.01,
        damp_auto_increment: 0.01,
        static_groups: false,
        true_sequential: true,
        mse: 0,
        act_group_aware: false,
      },
    })
    expect(JSON.parse(await readFile(join(out, 'quantize_config.json'), 'utf8'))).toEqual(saved)
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8')).torch_dtype).toBe('float16')
  })

  test('is the same by way of fromPretrained and savePretrained, and for any number of workers and threads', async () => {
    const reference = await allTensors(join(folder, 'again-sym'))
    const quantizationConfig = new GPTQConfig({
      bits: 4,
      groupSize: 64,
      dampPercent: 0.01,
      actGroupAware: false,
      referenceSymmetric: true,
      dataset: await calibrationTokens(),
    })
    await using model = await AutoModelForCausalLM.fromPretrained(float, {
      quantizationConfig,
      workers: 3,
      threads: 1,
    })
    await model.savePretrained(join(folder, 'by-load'))
    expect(await allTensors(join(folder, 'by-load'))).toEqual(reference)
  })

  test.each<[string, Partial<GPTQConfigOptions>]>([
    ['two bits with zero points of 0', { bits: 2, sym: false, groupSize: 16 }],
    ['three bits', { bits: 3 }],
    ['eight bits in one group per row', { bits: 8, groupSize: -1, sym: false }],
    ['static groups in act-order', { descAct: true, staticGroups: true }],
    [
      'the group-aware order with all modules of a block at once',
      { actGroupAware: true, trueSequential: false },
    ],
    ['scales that are rounded first', { scaleRounding: 'before' }],
    ['the scale search', { mse: 2.4 }],
    ['rounding to nearest', { method: 'rtn', sym: false }],
  ])('%s: what is evaluated after quantizing is what a loader reads', async (name, options) => {
    const quantizationConfig = new GPTQConfig({
      bits: 4,
      groupSize: 32,
      dataset: await calibrationTokens(),
      ...options,
    })
    const ids = await readIntegers(join(actOrder, 'expected.safetensors'), 'input_ids')
    await using model = await AutoModelForCausalLM.fromPretrained(float, {
      quantizationConfig,
      compute: 'exact',
    })
    const before = (await model.forward({ inputIds: [ids] })).logits
    const out = join(folder, `variant-${name.replaceAll(' ', '-')}`)
    await model.savePretrained(out)
    expect(largestDifference(await logitsOf(out), before)).toBe(0)
    expect(largestDifference(await logitsOf(out, { compute: 'fast' }), before)).toBeLessThan(1.5)
  })

  test('`dynamic` gives modules other settings, or leaves them in float', async () => {
    const dynamic = { '-:.*down_proj': {}, '.*layers\\.1\\.self_attn': { bits: 8, group_size: 16 } }
    const { skipped } = await quantize('dynamic', { dynamic })
    expect(skipped.filter(({ reason }) => reason.includes('dynamic')).map(({ module }) => module)).toEqual([
      'model.layers.0.mlp.down_proj',
      'model.layers.1.mlp.down_proj',
    ])
    const out = join(folder, 'dynamic')
    const { modules } = await inspectModel(out)
    expect(modules.find(({ name }) => name === 'model.layers.1.self_attn.q_proj')?.format).toBe(
      'gptq int8 per group of 16',
    )
    expect(await quantizationOf(out)).toMatchObject({ dynamic })
    const logits = await logitsOf(out)
    expect(largestDifference(logits, await logitsOf(float))).toBeGreaterThan(0)
    expect(logits.every(Number.isFinite)).toBe(true)
  })

  test('the head is quantized when it is asked for', async () => {
    const { quantized } = await quantize('head', { bits: 8, lmHead: true })
    expect(quantized).toContain('lm_head')
    expect(await quantizationOf(join(folder, 'head'))).toMatchObject({ lm_head: true })
    expect(largestDifference(await logitsOf(join(folder, 'head')), await logitsOf(float))).toBeLessThan(0.5)
  })
})

describe('an interrupted run', () => {
  test('goes on at the first unfinished block and ends with the same bytes', async () => {
    await quantize('whole', { groupSize: 16 })
    const stop = new AbortController()
    const seen: string[] = []
    const interrupted = quantize(
      'parts',
      { groupSize: 16 },
      {
        signal: stop.signal,
        onProgress({ stage, tensor }: { stage: string; tensor: string }) {
          if (stage !== 'calibrate') return
          seen.push(tensor)
          if (tensor.startsWith('model.layers.1.self_attn.o_proj')) stop.abort(new Error('enough'))
        },
      },
    )
    await expect(interrupted).rejects.toThrow('enough')
    expect(readdirSync(folder)).not.toContain('parts')
    const losses = new Map<string, number | undefined>()
    await quantize(
      'parts',
      { groupSize: 16 },
      {
        onProgress: ({ stage, tensor, loss }: { stage: string; tensor: string; loss?: number }) =>
          stage === 'calibrate' && losses.set(tensor, loss),
      },
    )
    // Blocks that were taken over have no loss to report.
    expect(losses.get('model.layers.0.self_attn.q_proj.weight')).toBeUndefined()
    expect(losses.get('model.layers.1.self_attn.q_proj.weight')).toBeGreaterThan(0)
    expect(await allTensors(join(folder, 'parts'))).toEqual(await allTensors(join(folder, 'whole')))
    expect(readdirSync(join(folder, 'cache')).filter((name) => name.startsWith('gptq-'))).toEqual([])
  })

  test('hidden states beyond the limit lie in a file, without a difference', async () => {
    await quantize('spilled', { groupSize: 16, maxHiddenBytes: 1 })
    expect(await allTensors(join(folder, 'spilled'))).toEqual(await allTensors(join(folder, 'whole')))
  })
})

describe('calibration data', () => {
  const stories = storyList({ seed: 3, stories: 12 })
  /** The first block alone says as much as all of them about the data. */
  const dynamic = { '-:model\\.layers\\.[1-3]\\.': {} }
  const quantizeDemo = async (out: string, options: Partial<GPTQConfigOptions>) => {
    const quantizationConfig = new GPTQConfig({
      bits: 4,
      groupSize: 32,
      samples: 4,
      sequenceLength: 64,
      dynamic,
      ...options,
    })
    await quantizeModel(demoModel, join(folder, out), { quantizationConfig })
    return allTensors(join(folder, out))
  }

  test('is the same from a list, a text file, a JSONL file and an async source', async () => {
    await writeFile(join(folder, 'stories.txt'), `${stories.join('\n\n')}\n`)
    await writeFile(
      join(folder, 'stories.jsonl'),
      stories.map((text) => `${JSON.stringify({ text })}\n`).join(''),
    )
    async function* source() {
      yield* stories
    }
    const list = await quantizeDemo('list', { dataset: stories })
    expect(await quantizeDemo('text', { dataset: { file: join(folder, 'stories.txt') } })).toEqual(list)
    expect(await quantizeDemo('jsonl', { dataset: { file: join(folder, 'stories.jsonl') } })).toEqual(list)
    expect(await quantizeDemo('source', { dataset: source() })).toEqual(list)
  })

  test.each<[string, Partial<GPTQConfigOptions>, object]>([
    ['none', {}, { code: 'CALIBRATION_MISSING', field: 'dataset' }],
    ['an empty list', { dataset: [] }, { code: 'CALIBRATION_EMPTY' }],
    ['a few tokens', { dataset: [[1, 2, 3]] }, { code: 'CALIBRATION_TOO_SHORT', found: 3 }],
    [
      'a token outside of the vocabulary',
      { dataset: [[1, 99_999]] },
      { code: 'TOKEN_OUT_OF_RANGE', found: 99_999 },
    ],
    [
      'a file that is not there',
      { dataset: { file: '/nowhere/x.txt' } },
      { code: 'CALIBRATION_FILE', file: '/nowhere/x.txt' },
    ],
  ])('%s is refused, and nothing is left behind', async (_name, options, error) => {
    await expect(quantizeDemo('refused', options)).rejects.toMatchObject(error)
    expect(readdirSync(folder).filter((name) => name.includes('refused'))).toEqual([])
  })

  test('a group size that does not divide is refused by name', async () => {
    await expect(quantizeDemo('refused', { dataset: stories, groupSize: 96 })).rejects.toMatchObject({
      code: 'GROUP_SIZE',
      module: 'model.layers.0.self_attn.q_proj',
      found: 96,
    })
  })

  test('recipes calibrate on it and beat rounding to nearest on the same grid', async () => {
    const options = { calibration: stories, samples: 16, sequenceLength: 128 }
    const tokenizer = await AutoTokenizer.fromPretrained(demoModel)
    const inputIds = [tokenizer.encode(storyList({ seed: 2, stories: 1 })[0]!)]
    const logits = async (model: string) => {
      await using loaded = await AutoModelForCausalLM.fromPretrained(model, { compute: 'exact' })
      return (await loaded.forward({ inputIds: inputIds.map((ids) => [...ids]) })).logits
    }
    const wanted = await logits(demoModel)
    const errorOf = async (name: string) => {
      await quantizeModel(demoModel, join(folder, name), { quantizationConfig: await recipe(name, options) })
      const found = await logits(join(folder, name))
      return found.reduce((sum, value, i) => sum + (value - wanted[i]!) ** 2, 0)
    }
    expect(await errorOf('gptq-int3-g32')).toBeLessThan(0.8 * (await errorOf('rtn-int3-g32')))
  })
})

describe('checkpoints of other tools', () => {
  /** A copy of the symmetric golden with changed tensors and configuration. */
  async function variant(
    name: string,
    change: (tensors: Awaited<ReturnType<typeof allTensors>>, config: Record<string, unknown>) => void,
  ): Promise<string> {
    const out = join(folder, `tool-${name}`)
    cpSync(symmetric, out, { recursive: true })
    for (const file of readdirSync(out)) if (/^model|^quantize_config/.test(file)) rmSync(join(out, file))
    const tensors = await allTensors(symmetric)
    const config = JSON.parse(await readFile(join(symmetric, 'config.json'), 'utf8'))
    change(tensors, config.quantization_config)
    await writeFile(join(out, 'config.json'), JSON.stringify(config))
    const list = [...tensors].map(([tensor, { dtype, shape, bytes }]) => ({
      name: tensor,
      dtype: dtype as 'I32',
      shape,
      data: bytes,
    }))
    await writeSafetensors(join(out, 'model.safetensors'), list, { metadata: { format: 'pt' } })
    return out
  }
  const expected = () => readFloats(join(symmetric, 'expected.safetensors'), 'logits')
  const expectSame = async (model: string) =>
    expect(largestDifference(await logitsOf(model), await expected())).toBeLessThan(1e-4)

  test('without g_idx', async () => {
    const model = await variant('no-g-idx', (tensors) => {
      for (const name of tensors.keys()) if (name.endsWith('.g_idx')) tensors.delete(name)
    })
    await expectSame(model)
  })

  test('with old names of keys, and without "sym"', async () => {
    const model = await variant('old-keys', (_tensors, config) => {
      for (const key of Object.keys(config)) delete config[key]
      Object.assign(config, { quant_method: 'gptq', wbits: 4, q_group_size: 64, checkpoint_format: 'gptq' })
    })
    await expectSame(model)
  })

  test('with quantize_config.json alone, and a weight file of the old name', async () => {
    const model = await variant('legacy', () => {})
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
    const model = await variant('mislabelled', (tensors) => {
      for (const [name, { bytes }] of tensors) if (name.endsWith('.qzeros')) bytes.fill(0x88)
    })
    await expectSame(model)
    expect((await inspectModel(model)).warnings.join()).toMatch(/qzeros.*gptq_v2/)
  })

  test('with a bias of zeros that the architecture does not have; another one counts', async () => {
    const biased = (value: number) => (tensors: Awaited<ReturnType<typeof allTensors>>) => {
      const bytes = Buffer.alloc(128)
      bytes.writeUInt16LE(value, 6)
      tensors.set('model.layers.0.mlp.down_proj.bias', { dtype: 'F16', shape: [64], bytes })
    }
    await expectSame(await variant('zero-bias', biased(0)))
    const model = await variant('bias', biased(0x3c00))
    expect(largestDifference(await logitsOf(model), await expected())).toBeGreaterThan(0.01)
  })

  test.each<
    [
      string,
      (tensors: Awaited<ReturnType<typeof allTensors>>, config: Record<string, unknown>) => void,
      object,
    ]
  >([
    [
      'a scale that is not finite',
      (tensors) => void tensors.get('model.layers.1.mlp.up_proj.scales')!.bytes.writeUInt16LE(0x7e00, 10),
      { code: 'SCALE_NOT_FINITE', module: 'model.layers.1.mlp.up_proj' },
    ],
    [
      'a group that does not exist',
      (tensors) => void tensors.get('model.layers.0.self_attn.q_proj.g_idx')!.bytes.writeInt32LE(7, 8),
      { code: 'GROUP_INDEX_RANGE', found: 7 },
    ],
    [
      'a tensor that is missing',
      (tensors) => void tensors.delete('model.layers.0.self_attn.q_proj.qzeros'),
      { code: 'TENSOR_MISSING', tensor: 'model.layers.0.self_attn.q_proj.qzeros' },
    ],
    [
      'other bits than the config says',
      (_tensors, config) => void Object.assign(config, { bits: 8 }),
      { code: 'TENSOR_MISMATCH', hint: expect.stringContaining('looks like 4 bits') },
    ],
    [
      'bits that do not exist',
      (_tensors, config) => void Object.assign(config, { bits: 5 }),
      { code: 'FIELD_VALUE', field: 'bits' },
    ],
    [
      'a format made for one kernel',
      (_tensors, config) => void Object.assign(config, { format: 'marlin' }),
      { code: 'GPTQ_FORMAT', field: 'format' },
    ],
    [
      'planar codes',
      (_tensors, config) => void Object.assign(config, { format: 'gptq_p' }),
      { code: 'GPTQ_FORMAT' },
    ],
    [
      'marlin by its old key',
      (_tensors, config) => void Object.assign(config, { is_marlin_format: true }),
      { code: 'GPTQ_FORMAT', field: 'is_marlin_format' },
    ],
    [
      'rotated weights',
      (_tensors, config) => void Object.assign(config, { rotation: 'hadamard' }),
      { code: 'ROTATION' },
    ],
    [
      'other words',
      (_tensors, config) => void Object.assign(config, { pack_dtype: 'int16' }),
      { code: 'PACK_DTYPE' },
    ],
  ])('%s is refused', async (name, change, error) => {
    const model = await variant(name.replaceAll(' ', '-'), change)
    await expect(logitsOf(model)).rejects.toMatchObject(error)
  })

  test('pickled weights are refused', async () => {
    const model = await variant('pickled', () => {})
    renameSync(join(model, 'model.safetensors'), join(model, 'gptq_model-4bit-64g.bin'))
    await expect(logitsOf(model)).rejects.toMatchObject({ code: 'WEIGHTS_PICKLED' })
  })
})

test('a file written here, read by the packing rules alone, gives the weights that are evaluated', async () => {
  await quantize('rules', { bits: 3, sym: false })
  await using file = await openSafetensors(join(folder, 'rules', 'model.safetensors'))
  const name = 'model.layers.1.mlp.down_proj'
  const words = async (key: string) => {
    const bytes = (await file.read(`${name}.${key}`)).slice()
    return new Uint32Array(bytes.buffer)
  }
  const [rows, columns, bits] = [64, 128, 3]
  const [qweight, qzeros, groupOf] = [await words('qweight'), await words('qzeros'), await words('g_idx')]
  const halves = new Uint16Array((await file.read(`${name}.scales`)).slice().buffer)
  const half = (x: number) =>
    x >> 10 === 0 ? (x & 1023) * 2 ** -24 : (1 + (x & 1023) / 1024) * 2 ** ((x >> 10) - 15)
  const bit = (stream: Uint32Array, start: number, step: number, at: number) =>
    (stream[start + Math.floor(at / 32) * step]! >>> (at % 32)) & 1
  const code = (stream: Uint32Array, start: number, step: number, index: number) =>
    bit(stream, start, step, index * bits) +
    2 * bit(stream, start, step, index * bits + 1) +
    4 * bit(stream, start, step, index * bits + 2)
  const { format } = await quantizationOf(join(folder, 'rules'))
  const dense = new Float32Array(rows * columns)
  for (let n = 0; n < rows; n++) {
    for (let k = 0; k < columns; k++) {
      const group = groupOf[k]!
      const stored = code(qzeros, (group * rows * bits) / 32, 1, n)
      const zero = format === 'gptq' ? (stored + 1) % 8 : stored
      dense[n * columns + k] = (code(qweight, n, rows, k) - zero) * half(halves[group * rows + n]!)
    }
  }
  // The same model with this one weight stored densely computes the same, to the bit.
  const out = join(folder, 'rules-dense')
  cpSync(join(folder, 'rules'), out, { recursive: true })
  const tensors = await allTensors(join(folder, 'rules'))
  for (const key of ['qweight', 'qzeros', 'scales', 'g_idx']) tensors.delete(`${name}.${key}`)
  tensors.set(`${name}.weight`, { dtype: 'F32', shape: [rows, columns], bytes: Buffer.from(dense.buffer) })
  const list = [...tensors].map(([tensor, { dtype, shape, bytes }]) => ({
    name: tensor,
    dtype: dtype as 'I32',
    shape,
    data: bytes,
  }))
  rmSync(join(out, 'model.safetensors'))
  await writeSafetensors(join(out, 'model.safetensors'), list, { metadata: { format: 'pt' } })
  await using loaded = await AutoModelForCausalLM.fromPretrained(out, { dtype: 'float32', compute: 'exact' })
  const ids = await readIntegers(join(actOrder, 'expected.safetensors'), 'input_ids')
  const { logits } = await loaded.forward({ inputIds: [ids] })
  expect(largestDifference(logits, await logitsOf(join(folder, 'rules')))).toBe(0)
})
