import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { GPTQConfig, type GPTQConfigOptions } from '@hfquant/gptq'
import { openSafetensors } from '@hfquant/safetensors'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test, vi } from 'vitest'
import { AutoModelForCausalLM, inspectModel } from './index.js'
import { largestDifference, readIntegers } from './testing/golden.fixture.js'
import {
  actOrder,
  allTensors,
  calibrationTokens,
  float,
  logitsOf,
  quantizationOf,
  quantize,
  writeTensors,
} from './testing/gptq.fixture.js'

// Some tests calibrate several times, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

const folder = testFolder()
const at = (name: string): string => join(folder, name)

describe('quantized with', () => {
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
    const out = at(`variant-${name.replaceAll(' ', '-')}`)
    await model.savePretrained(out)
    expect(largestDifference(await logitsOf(out), before)).toBe(0)
    expect(largestDifference(await logitsOf(out, { compute: 'fast' }), before)).toBeLessThan(1.5)
  })

  test('`dynamic` gives modules other settings, or leaves them in float', async () => {
    const dynamic = { '-:.*down_proj': {}, '.*layers\\.1\\.self_attn': { bits: 8, group_size: 16 } }
    const { skipped } = await quantize(at('dynamic'), { dynamic })
    expect(skipped.filter(({ reason }) => reason.includes('dynamic')).map(({ module }) => module)).toEqual([
      'model.layers.0.mlp.down_proj',
      'model.layers.1.mlp.down_proj',
    ])
    const out = at('dynamic')
    const { modules } = await inspectModel(out)
    expect(modules.find(({ name }) => name === 'model.layers.1.self_attn.q_proj')?.format).toBe(
      'gptq int8 per group of 16',
    )
    expect(await quantizationOf(out)).toMatchObject({ dynamic })
    const logits = await logitsOf(out)
    expect(largestDifference(logits, await logitsOf(float))).toBeGreaterThan(0)
    expect(logits.every(Number.isFinite)).toBe(true)
  })

  test('`modulesInBlockToQuantize` leaves all other modules in float, and is saved', async () => {
    const lists = [['self_attn.o_proj'], ['mlp.down_proj']]
    const { quantized } = await quantize(at('listed'), { modulesInBlockToQuantize: lists })
    expect(quantized).toEqual(
      [0, 1].flatMap((layer) => lists.flat().map((suffix) => `model.layers.${layer}.${suffix}`)),
    )
    expect(await quantizationOf(at('listed'))).toMatchObject({ modules_in_block_to_quantize: lists })
    const names = [...(await allTensors(at('listed'))).keys()].filter((name) => name.endsWith('.qweight'))
    expect(names).toHaveLength(4)
    expect((await logitsOf(at('listed'))).every(Number.isFinite)).toBe(true)
  })

  test('`lmHead` takes 8 bits for the head, unless a rule names it', async () => {
    const { quantized } = await quantize(at('head'), { bits: 3, lmHead: true })
    expect(quantized).toContain('lm_head')
    const saved = await quantizationOf(at('head'))
    expect(saved).toMatchObject({
      bits: 3,
      lm_head: true,
      dynamic: { lm_head: { bits: 8, group_size: 32, sym: true, desc_act: false, mse: 2.4 } },
    })
    const formatOf = async (model: string) =>
      (await inspectModel(model)).modules.find(({ name }) => name === 'lm_head')?.format
    expect(await formatOf(at('head'))).toBe('gptq int8 per group of 32')
    await quantize(at('own-head'), { bits: 8, lmHead: true, dynamic: { lm_head: { bits: 4 } } })
    expect(await formatOf(at('own-head'))).toBe('gptq int4 per group of 32')
    expect((await logitsOf(at('own-head'))).every(Number.isFinite)).toBe(true)
  })

  test.each([true, false])(
    "two bits with `memory: 'low'` compute as they do without (sym %s)",
    async (sym) => {
      const out = at(`two-bits-${sym}`)
      await quantize(out, { bits: 2, sym })
      const fast = await logitsOf(out, { compute: 'fast' })
      expect(largestDifference(await logitsOf(out, { compute: 'fast', memory: 'low' }), fast)).toBeLessThan(
        1e-4,
      )
      expect(largestDifference(fast, await logitsOf(out))).toBeGreaterThan(1e-3)
    },
  )
})

test('a file written here, read by the packing rules alone, gives the weights that are evaluated', async () => {
  await quantize(at('rules'), { bits: 3, sym: false })
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
  const { format } = await quantizationOf(at('rules'))
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
  const out = at('rules-dense')
  cpSync(at('rules'), out, { recursive: true })
  const tensors = await allTensors(at('rules'))
  for (const key of ['qweight', 'qzeros', 'scales', 'g_idx']) tensors.delete(`${name}.${key}`)
  tensors.set(`${name}.weight`, { dtype: 'F32', shape: [rows, columns], bytes: Buffer.from(dense.buffer) })
  await writeTensors(out, tensors)
  await using loaded = await AutoModelForCausalLM.fromPretrained(out, { dtype: 'float32', compute: 'exact' })
  const ids = await readIntegers(join(actOrder, 'expected.safetensors'), 'input_ids')
  const { logits } = await loaded.forward({ inputIds: [ids] })
  expect(largestDifference(logits, await logitsOf(at('rules')))).toBe(0)
})
