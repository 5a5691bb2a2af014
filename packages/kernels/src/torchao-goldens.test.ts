import { describe, expect, it } from 'vitest'
import { readGoldenFile } from './golden-file.fixture.js'
import { type IntGroupsParams, type IntMapping, reference, runKernel, type ScaleFloor } from './index.js'

// Codes, scales and zero points of goldens/torchao; its README tells where they come from.

const DTYPES = { f32: 'float32', bf16: 'bfloat16' } as const
type Short = keyof typeof DTYPES

const ROWS = 8
const COLUMNS = 64

type Run = (inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]) => void

/** Both implementations must write exactly the expected outputs. */
function expectOutputs(
  inputs: readonly Uint8Array[],
  expected: readonly Uint8Array[],
  runs: readonly Run[],
): void {
  for (const run of runs) {
    const outputs = expected.map((bytes) => new Uint8Array(bytes.byteLength).fill(0xa5))
    run(inputs, outputs)
    expect(outputs).toEqual(expected)
  }
}

function expectReconstruction(
  params: { groupSize: number; scaleDtype: 'float32' | 'bfloat16'; dtype: 'float32' | 'bfloat16' },
  inputs: readonly Uint8Array[],
  expected: Uint8Array,
): void {
  const full = { rows: ROWS, columns: COLUMNS, ...params }
  expectOutputs(
    inputs,
    [expected],
    [
      (from, to) => runKernel('dequantizeRows', full, from, to),
      (from, to) => reference.dequantizeRows(full, from, to),
    ],
  )
}

describe.each(['f32', 'bf16'] as const)('Int8WeightOnlyConfig per row, %s', (short) => {
  const golden = readGoldenFile('torchao/int8_weight_only')
  const dtype = DTYPES[short]
  const stored = ['qdata', 'scale', 'zero_point'].map((part) => golden.bytes(`${short}.per_row.${part}`))

  it('int8Rows', () => {
    const params = { dtype, rows: ROWS, columns: COLUMNS }
    expectOutputs([golden.bytes(`${short}.w`)], stored, [
      (from, to) => runKernel('int8Rows', params, from, to),
      (from, to) => reference.int8Rows(params, from, to),
    ])
  })

  it('dequantizeRows', () => {
    const params = { groupSize: COLUMNS, scaleDtype: 'float32', dtype } as const
    expectReconstruction(params, stored, golden.bytes(`${short}.per_row.dequant`))
    if (short === 'bf16') {
      expectReconstruction({ ...params, dtype: 'float32' }, stored, golden.bytes('bf16.per_row.dequant_f32'))
    }
  })
})

interface Case {
  readonly short: Short
  readonly name: string
  readonly bits: number
  readonly groupSize: number
  readonly mapping: IntMapping
  readonly eps?: ScaleFloor
  readonly scaleDtype?: 'bfloat16'
}

function everyDtype(name: string, bits: number, groupSize: number, mapping: IntMapping): Case[] {
  return (['f32', 'bf16'] as const).map((short) => ({ short, name, bits, groupSize, mapping }))
}

const intxCases: readonly Case[] = [
  ...everyDtype('int8_axis0_sym', 8, COLUMNS, 'symmetric'),
  ...everyDtype('int8_axis0_asym', 8, COLUMNS, 'asymmetric'),
  ...everyDtype('int7_g32_sym', 7, 32, 'symmetric'),
  ...everyDtype('int6_g32_sym', 6, 32, 'symmetric'),
  ...everyDtype('int5_g32_sym', 5, 32, 'symmetric'),
  ...everyDtype('int4_g32_sym', 4, 32, 'symmetric'),
  ...everyDtype('int4_g32_noclip', 4, 32, 'symmetricNoClippingErr'),
  ...everyDtype('int4_g32_asym', 4, 32, 'asymmetric'),
  ...everyDtype('int3_g32_asym', 3, 32, 'asymmetric'),
  ...everyDtype('int2_g32_sym', 2, 32, 'symmetric'),
  ...everyDtype('int1_g32_asym', 1, 32, 'asymmetric'),
  { short: 'bf16', name: 'int4_g32_sym_v0_17', bits: 4, groupSize: 32, mapping: 'symmetric', eps: 'epsilon' },
  {
    short: 'f32',
    name: 'int4_g32_sym_scale_bf16',
    bits: 4,
    groupSize: 32,
    mapping: 'symmetric',
    scaleDtype: 'bfloat16',
  },
]

describe('IntxWeightOnlyConfig', () => {
  const golden = readGoldenFile('torchao/intx_weight_only')

  it.each(intxCases)(
    '$short $name',
    ({ short, name, bits, groupSize, mapping, eps = 'tiny', scaleDtype }) => {
      const dtype = DTYPES[short]
      const stored = ['qdata', 'scale', 'zero_point'].map((part) => golden.bytes(`${short}.${name}.${part}`))
      expectGroups(
        { dtype, groupSize, bits, mapping, eps, ...(scaleDtype && { scaleDtype }) },
        golden.bytes(`${short}.w`),
        stored,
      )
      const reconstruction = { groupSize, scaleDtype: scaleDtype ?? dtype, dtype }
      expectReconstruction(reconstruction, stored, golden.bytes(`${short}.${name}.dequant`))
    },
  )
})

describe('Int8DynamicActivationIntxWeightConfig, weight half', () => {
  const golden = readGoldenFile('torchao/int8_dynamic_activation_int4_weight')

  it.each(['f32', 'bf16'] as const)('%s', (short) => {
    const dtype = DTYPES[short]
    const stored = ['qdata', 'scale', 'zero_point'].map((part) => golden.bytes(`${short}.w_${part}`))
    const params = { dtype, groupSize: 32, bits: 4, mapping: 'symmetric', eps: 'tiny' } as const
    expectGroups(params, golden.bytes(`${short}.w`), stored)
    expectReconstruction(
      { groupSize: 32, scaleDtype: dtype, dtype },
      stored,
      golden.bytes(`${short}.w_dequant`),
    )
  })

  it.each(['f32', 'bf16'] as const)('activation half, per token, %s', (short) => {
    const stored = ['qdata', 'scale', 'zero_point'].map((part) => golden.bytes(`${short}.x_${part}`))
    const params = {
      dtype: DTYPES[short],
      groupSize: 64,
      bits: 8,
      mapping: 'asymmetric',
      eps: 'tiny',
    } as const
    expectGroups(params, golden.bytes(`${short}.x`), stored, 5)
  })
})

function expectGroups(
  params: Omit<IntGroupsParams, 'rows' | 'columns' | 'scaleDtype'> & { scaleDtype?: 'bfloat16' },
  weight: Uint8Array,
  stored: readonly Uint8Array[],
  rows = ROWS,
): void {
  const full = { rows, columns: COLUMNS, ...params }
  expectOutputs([weight], stored, [
    (from, to) => runKernel('intGroups', full, from, to),
    (from, to) => reference.intGroups(full, from, to),
  ])
}
