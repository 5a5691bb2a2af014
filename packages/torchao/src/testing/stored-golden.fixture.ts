import type { FormatContext, QuantizedFormat, Skip, WeightInfo } from '@hfquant/core'
import {
  Int4WeightOnlyConfig,
  Int8DynamicActivationInt8WeightConfig,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  type TorchAoBaseConfig,
  TorchAoConfig,
  torchao,
} from '../index.js'
import { goldenBytes, openGolden, storedContext } from './golden.fixture.js'

export const INT8 = new Int8WeightOnlyConfig()
export const INT4 = new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4' })
export const DYNAMIC = new Int8DynamicActivationInt8WeightConfig()
export const PACKED = new Int4WeightOnlyConfig()
export const FLOAT8 = torchao.parseConfig({
  quant_type: { default: { _type: 'Float8WeightOnlyConfig', _version: 2, _data: {} } },
} as Record<string, unknown>) as TorchAoConfig

/** One weight of each tensor class, in the layout of today and in that of release 0.14. */
export const current = await openGolden('layout/current.safetensors')
export const legacy = await openGolden('layout/legacy_0_14.safetensors')

export const weightAt = (path: string, inFeatures = 64): WeightInfo => ({
  path,
  kind: 'linear',
  outFeatures: 8,
  inFeatures,
  dtype: 'bfloat16',
})

export const choose = async (
  path: string,
  quantType: TorchAoBaseConfig,
  context: FormatContext = storedContext(current, path),
  weight: WeightInfo = weightAt(path),
): Promise<QuantizedFormat | Skip> =>
  torchao.definition.formatFor(weight, new TorchAoConfig({ quantType }).value, context)

export async function partsAt(
  path: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const bytes = await Promise.all(names.map((name) => goldenBytes(current, `${path}.${name}`)))
  return new Map(names.map((name, i) => [name, bytes[i]!]))
}

/** What the header of a checkpoint with one weight would say. */
export function documentOf(weight: WeightInfo, format: QuantizedFormat): string {
  const entries = format.components(weight).map(({ key, dtype, shape }) => ({
    name: `${weight.path}.${key}`,
    dtype,
    shape,
    quantized: { weight, format },
  }))
  const { value } = new TorchAoConfig({ quantType: INT8 })
  return torchao.definition.files!.metadata!(entries, value)[`${weight.path}.weight`]!
}

/** The checkpoint as the loader presents it: older names in their current spelling. */
export function legacyContext(path: string): FormatContext {
  const context = storedContext(legacy, path)
  const current = new Map(
    [...context.stored!.tensors].map(([key, tensor]) => {
      const name = torchao.definition.files!.name!(`${path}.${key}`)
      return [name.slice(path.length + 1), { tensor, key }] as const
    }),
  )
  return {
    ...context,
    stored: {
      tensors: new Map([...current].map(([key, { tensor }]) => [key, tensor])),
      read: (key) => context.stored!.read(current.get(key)!.key),
    },
  }
}
