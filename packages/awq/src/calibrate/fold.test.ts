import type { FloatTensors, WaitingWeight } from '@hfquant/core'
import { castFloats, widenFloats } from '@hfquant/kernels'
import { readTensorFile } from '@hfquant/testkit'
import { expect, test } from 'vitest'
import { codeOf, findGrid } from '../format/grid.js'
import { unpackCodes } from '../format/unpack-codes.js'
import { golden } from '../testing/golden.fixture.js'
import { foldFloats, foldWeight, weightScales } from './fold.js'
import type { Pair } from './pairs.js'

const LAYER = 'model.layers.0'
const GROUP = 64

const read = async (file: string) =>
  (await readTensorFile(golden(`tiny-qwen2-awq-g64/${file}.safetensors`))).tensors
const [dense, made, log] = [await read('dense'), await read('model'), await read('calibration_log')]

const logged = (name: string) => new Float32Array(log.get(`0.${name}`)!.bytes.buffer)
const floatsOf = (name: string) => widenFloats(dense.get(name)!.bytes, 'float16')

function pair(
  kind: 'norm' | 'linear',
  before: string,
  after: readonly string[],
): readonly [Pair, Float32Array] {
  const weights = after.map((name) => ({ info: { path: `${LAYER}.${name}` } }) as WaitingWeight)
  const scale = logged(`${before}.scale`)
  return [{ before: { kind, path: `${LAYER}.${before}` }, weights, floats: [], width: scale.length }, scale]
}

/** The scales that AutoAWQ found. */
const scales = new Map([
  pair('norm', 'input_layernorm', ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj']),
  pair('linear', 'self_attn.v_proj', ['self_attn.o_proj']),
  pair('norm', 'post_attention_layernorm', ['mlp.gate_proj', 'mlp.up_proj']),
  pair('linear', 'mlp.up_proj', ['mlp.down_proj']),
])

test('norms and biases that a scale is folded into are those of AutoAWQ, up to a bit of float16', async () => {
  const changed = new Map<string, Uint8Array>()
  const floats: FloatTensors = {
    has: (name) => dense.has(name),
    read: async (name) => floatsOf(name),
    async write(name, values) {
      changed.set(name, castFloats(new Uint8Array(values.buffer), 'float32', 'float16'))
    },
  }
  await foldFloats(scales, floats)
  expect([...changed.keys()].map((name) => name.slice(LAYER.length + 1))).toEqual([
    ...['input_layernorm.weight', 'self_attn.v_proj.bias', 'post_attention_layernorm.weight'],
  ])
  for (const [name, bytes] of changed) {
    const [found, wanted] = [bytes, made.get(name)!.bytes].map((own) => widenFloats(own, 'float16'))
    for (const [at, value] of wanted!.entries()) {
      expect(Math.abs(found![at]! - value)).toBeLessThanOrEqual(2 ** -10 * Math.abs(value))
    }
  }
})

test.each(['q', 'k', 'v', 'o', 'gate', 'up', 'down'])(
  'the codes of %s_proj are those that AutoAWQ made in float16, which moves one in thirty',
  (name) => {
    const module = `${/^[qkvo]$/.test(name) ? 'self_attn' : 'mlp'}.${name}_proj`
    const path = `${LAYER}.${module}`
    const [rows, columns] = dense.get(`${path}.weight`)!.shape as [number, number]
    const values = floatsOf(`${path}.weight`)
    const { inputs, outputs } = weightScales(scales)
    foldWeight({ values, rows, columns }, inputs.get(path), outputs.get(path))
    const bounds = log.has(`0.${module}.clip`) ? logged(`${module}.clip`) : undefined
    const wanted = unpackCodes(
      made.get(`${path}.qweight`)!.bytes,
      'gemm',
      { outFeatures: rows, inFeatures: columns },
      { first: 0, count: rows },
    )
    let different = 0
    for (let start = 0; start < values.length; start += GROUP) {
      const bound = bounds?.[start / GROUP] ?? Number.POSITIVE_INFINITY
      const group = values
        .subarray(start, start + GROUP)
        .map((value) => Math.min(Math.max(value, -bound), bound))
      const grid = findGrid(group, true)
      for (const [at, value] of group.entries())
        different += Number(codeOf(value, grid) !== wanted[start + at])
    }
    expect(different / values.length).toBeLessThan(1 / 30)
  },
)
