import type { Checkpoint } from '@hfquant/core/runtime'
import { type IntGroupsParams, type KernelParams, reference, runKernel } from '@hfquant/kernels'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { goldenBytes, openGolden } from './testing/golden.fixture.js'

// The numbers behind checkpoints that older releases made, and behind activations: no config makes either into a file.

let weightOnly: Checkpoint
let dynamic: Checkpoint
beforeAll(async () => {
  weightOnly = await openGolden('int8_weight_only.safetensors')
  dynamic = await openGolden('int8_dynamic_activation_int8_weight.safetensors')
})
afterAll(() => Promise.all([weightOnly.close(), dynamic.close()]))

const DTYPES = { bf16: 'bfloat16', f32: 'float32' } as const
type Prefix = keyof typeof DTYPES

/** Codes and scales of rows of 64 values, by the kernel and by the formula, which have to agree. */
function quantizeRows(
  source: Uint8Array,
  rows: number,
  choice: Pick<IntGroupsParams, 'dtype' | 'bits' | 'mapping' | 'eps' | 'scaleDtype'>,
): readonly Uint8Array[] {
  const params = { ...choice, rows, columns: 64, groupSize: 64 }
  const scaleBytes = choice.scaleDtype === 'float32' ? 4 : 2
  const empty = () => [rows * 64, rows * scaleBytes, rows].map((length) => new Uint8Array(length))
  const [kernel, formula] = [empty(), empty()]
  runKernel('intGroups', params as KernelParams, [source], kernel)
  reference.intGroups(params, [source], formula)
  expect(kernel).toEqual(formula)
  return kernel
}

describe('int8 rows of older releases: scales in the dtype of the weight', () => {
  test.each([
    ['the release 0.17', () => weightOnly, 'bf16', 'w', 'per_row_v0_17.', 'float32Epsilon'],
    [
      'the release 0.15, whose least scale is 2^-7',
      () => weightOnly,
      'bf16',
      'w',
      'per_row_v0_15.',
      'epsilon',
    ],
    ['version 1', () => weightOnly, 'bf16', 'w', 'affine_v1.', 'float32Epsilon'],
    ['version 1 of a float32 weight', () => weightOnly, 'f32', 'w', 'affine_v1.', 'float32Epsilon'],
    ['version 1 with activations', () => dynamic, 'bf16', 'w', 'v1_sym.w_', 'float32Epsilon'],
    ['the same of a float32 weight', () => dynamic, 'f32', 'w', 'v1_sym.w_', 'float32Epsilon'],
  ] as const)('%s', async (_name, golden, prefix, source, scheme, eps) => {
    const dtype = DTYPES[prefix]
    const choice = { dtype, bits: 8, mapping: 'symmetric', eps, scaleDtype: dtype } as const
    const [codes, scales] = quantizeRows(await goldenBytes(golden(), `${prefix}.${source}`), 8, choice)
    expect(codes).toEqual(await goldenBytes(golden(), `${prefix}.${scheme}qdata`))
    expect(scales).toEqual(await goldenBytes(golden(), `${prefix}.${scheme}scale`))
  })
})

describe('tokens of int8-dynamic-act-int8-weight', () => {
  const cases = (['bf16', 'f32'] as const).flatMap((prefix) =>
    (
      [
        ['sym', 'symmetric', 8],
        ['asym', 'asymmetric', 8],
        ['sym_reduced', 'symmetric', 7],
        ['asym_reduced', 'asymmetric', 7],
      ] as const
    ).map(([scheme, mapping, bits]) => [prefix, scheme, mapping, bits] as const),
  )

  test.each<readonly [Prefix, string, 'symmetric' | 'asymmetric', number]>(cases)(
    '%s %s: codes, scales, zero points, and the sums of products of codes',
    async (prefix, scheme, mapping, bits) => {
      const read = (name: string) => goldenBytes(dynamic, `${prefix}.${scheme}.${name}`)
      const choice = {
        dtype: DTYPES[prefix],
        bits,
        mapping,
        eps: 'float32Epsilon',
        scaleDtype: 'float32',
      } as const
      const made = quantizeRows(await goldenBytes(dynamic, `${prefix}.x`), 5, choice)
      expect(made).toEqual(await Promise.all(['x_qdata', 'x_scale', 'x_zero_point'].map(read)))

      const [x, w] = [new Int8Array(made[0]!.buffer), new Int8Array((await read('w_qdata')).slice().buffer)]
      const sums = Int32Array.from({ length: 5 * 8 }, (_, i) => {
        let sum = 0
        for (let k = 0; k < 64; k++) sum += x[Math.floor(i / 8) * 64 + k]! * w[(i % 8) * 64 + k]!
        return sum
      })
      expect(new Uint8Array(sums.buffer)).toEqual(await read('acc_i32'))
    },
  )
})
