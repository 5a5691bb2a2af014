import type { FloatDtype } from '@hfquant/core'
import fc from 'fast-check'
import {
  Int4WeightOnlyConfig,
  Int8DynamicActivationInt8WeightConfig,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  IntxWeightOnlyConfig,
  perGroup,
  perTensor,
  type TorchAoBaseConfig,
} from '../index.js'

/** A config of each kind, with the bits of its codes where they stand around zero. */
export const configs: readonly (readonly [string, number | 'offset', TorchAoBaseConfig])[] = [
  ['int8 per row', 8, new Int8WeightOnlyConfig()],
  ['int8 in groups of 16', 8, new Int8WeightOnlyConfig({ granularity: perGroup(16) })],
  ['int8 with one scale', 8, new Int8WeightOnlyConfig({ granularity: perTensor() })],
  ['int8 of a reduced range', 7, new Int8DynamicActivationInt8WeightConfig({ reduceRange: true })],
  ['int4 in groups of 32', 4, new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4' })],
  [
    'int3 in groups of 8, asymmetric',
    3,
    new Int8DynamicActivationIntxWeightConfig({
      weightDtype: 'int3',
      weightGranularity: perGroup(8),
      weightMappingType: 'ASYMMETRIC',
    }),
  ],
  ['int6 per row', 6, new IntxWeightOnlyConfig({ weightDtype: 'int6' })],
  [
    'int5, no clipping error, scales in bfloat16',
    5,
    new IntxWeightOnlyConfig({
      weightDtype: 'int5',
      mappingType: 'SYMMETRIC_NO_CLIPPING_ERR',
      scaleDtype: 'bfloat16',
    }),
  ],
  ['packed int4 in groups of 32', 'offset', new Int4WeightOnlyConfig({ groupSize: 32 })],
]
/** Weights of any size and dtype; `values` are as many as the largest has. */
export const matrices = fc.record({
  rows: fc.integer({ min: 1, max: 3 }),
  columns: fc.constantFrom(32, 96),
  dtype: fc.constantFrom<FloatDtype>('float32', 'bfloat16', 'float16'),
  size: fc.constantFrom(1e-3, 1, 300),
  values: fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 288, maxLength: 288 }),
})
