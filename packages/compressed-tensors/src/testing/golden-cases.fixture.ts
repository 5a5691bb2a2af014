import { readFile } from 'node:fs/promises'
import type { QuantizedFormat, StoredTensor, StoredWeight, WeightInfo } from '@hfquant/core'
import { readTensorFile } from '@hfquant/testkit'
import { readGroups, type Scheme } from '../config/scheme.js'
import { storedFormat } from '../format/stored-format.js'
import { golden } from './golden.fixture.js'

/** A weight in one of the layouts of the library. */
export interface GoldenCase {
  readonly name: string
  readonly weight: WeightInfo
  readonly groups: readonly Scheme[]
  readonly stored: StoredWeight
  readonly bytes: (key: string) => Uint8Array
  readonly dense: Uint8Array
  /** Float32 [N, K]. */
  readonly dequantized: Float32Array
}

interface CaseJson {
  readonly shape: readonly [number, number]
  readonly weights: object
  readonly tensors: Readonly<Record<string, readonly [dtype: string, shape: readonly number[]]>>
}

const json: Readonly<Record<string, CaseJson>> = JSON.parse(await readFile(golden('cases.json'), 'utf8'))
const { tensors: file } = await readTensorFile(golden('cases.safetensors'))

export const goldenCases: readonly GoldenCase[] = Object.entries(json).map(
  ([name, { shape, weights, tensors }]): GoldenCase => {
    const [outFeatures, inFeatures] = shape
    const bytes = (key: string) => file.get(`${name}/${key}`)!.bytes
    const parts = Object.entries(tensors).map(([key, [dtype, size]]): [string, StoredTensor] => [
      key,
      { dtype: dtype.replace('torch.', '') as StoredTensor['dtype'], shape: size },
    ])
    return {
      ...{ name, bytes, dense: bytes('dense') },
      weight: { path: 'layer', kind: 'linear', dtype: 'float16', outFeatures, inFeatures },
      groups: readGroups({ config_groups: { group_0: { targets: ['Linear'], weights } } }),
      stored: { tensors: new Map(parts), read: async (key) => bytes(key) },
      dequantized: new Float32Array(bytes('dequantized').slice().buffer),
    }
  },
)

export async function formatOf({
  weight,
  stored,
  groups,
}: Pick<GoldenCase, 'weight' | 'stored' | 'groups'>): Promise<QuantizedFormat> {
  const format = await storedFormat(weight, { groups, kvCacheScheme: null }, stored)
  if ('skip' in format) throw new Error(`expected a format, found: ${format.skip}`)
  return format
}
