import {
  type JsonObject,
  oneOf,
  readBoolean,
  readInteger,
  readObject,
  readString,
  unknownEntries,
} from '@hfquant/core'
import { wrongValue } from './field-errors.js'

/** Regions that share a scale. Activations of a token share one with `token`; both levels of NVFP4 are `tensor_group`. */
export type Strategy = 'tensor' | 'channel' | 'group' | 'block' | 'token' | 'tensor_group' | 'attn_head'

const STRATEGIES: readonly Strategy[] = [
  ...(['tensor', 'channel', 'group', 'block', 'token', 'tensor_group', 'attn_head'] as const),
]

/** `QuantizationArgs` of the library: how a tensor is quantized. */
export interface QuantizationArguments {
  /** 1 to 8 with `int`; 8 (E4M3) or 4 (E2M1) with `float`. */
  readonly numBits: number
  readonly type: 'int' | 'float'
  readonly symmetric: boolean
  readonly strategy: Strategy
  /** Columns of a group; -1 or null where there are none. */
  readonly groupSize: number | null
  readonly blockStructure: readonly [rows: number, columns: number] | null
  /** Whether scales are found while the model runs; "local": all but the global one of the tensor. */
  readonly dynamic: boolean | 'local'
  /** Whether groups are scattered over the columns ("group"), or columns were only quantized in another order ("weight"). */
  readonly actorder: 'group' | 'weight' | null
  readonly scaleDtype: string | null
  readonly zpDtype: string | null
  readonly observer: string | null
  readonly observerKwargs: JsonObject
  /** Entries whose keys are not known. */
  readonly others: JsonObject
}

/** @throws ConfigError that names the field. */
export function readArguments(json: JsonObject): QuantizationArguments {
  const type = oneOf(readString(json, 'type', 'int'), ['int', 'float'], 'type')
  const widths = type === 'int' ? [1, 2, 3, 4, 5, 6, 7, 8] : [4, 8]
  const groupSize = json.group_size == null ? null : readInteger(json, 'group_size', -1)
  const dynamic = readDynamic(json)
  const strategy =
    json.strategy == null
      ? implied(groupSize)
      : oneOf(readString(json, 'strategy', '').toLowerCase(), STRATEGIES, 'strategy')
  if (groupSize !== null && groupSize < 1 && groupSize !== -1) {
    throw wrongValue('group_size', groupSize, 'a positive number of columns, or -1')
  }
  const isGrouped = strategy === 'group' || strategy === 'tensor_group'
  if (isGrouped && (groupSize ?? -1) < 1)
    throw wrongValue('group_size', groupSize, `the columns of a ${strategy}`)
  if (strategy === 'token' && dynamic === false)
    throw wrongValue('strategy', strategy, 'one that is not dynamic')
  const actorder = readActorder(json)
  if (actorder === 'group' && strategy !== 'group')
    throw wrongValue('actorder', json.actorder, 'null without groups')
  return {
    ...{ numBits: oneOf(readInteger(json, 'num_bits', 8), widths, 'num_bits'), type, strategy, groupSize },
    ...{ dynamic, actorder },
    symmetric: readBoolean(json, 'symmetric', true),
    blockStructure: readBlock(json.block_structure, strategy),
    scaleDtype: readNullable(json, 'scale_dtype'),
    zpDtype: readNullable(json, 'zp_dtype'),
    // What is found while the model runs is observed by nobody.
    observer: readNullable(json, 'observer') ?? (dynamic === true ? null : 'minmax'),
    observerKwargs: readObject(json, 'observer_kwargs', {}),
    others: unknownEntries(json, KEYS),
  }
}

/** The arguments with exactly the keys that Python writes, in their order. */
export const formatArguments = (own: QuantizationArguments): JsonObject => ({
  ...own.others,
  actorder: own.actorder,
  block_structure: own.blockStructure,
  dynamic: own.dynamic,
  group_size: own.groupSize,
  num_bits: own.numBits,
  observer: own.observer,
  observer_kwargs: own.observerKwargs,
  scale_dtype: own.scaleDtype,
  strategy: own.strategy,
  symmetric: own.symmetric,
  type: own.type,
  zp_dtype: own.zpDtype,
})

const KEYS = [
  ...['actorder', 'block_structure', 'dynamic', 'group_size', 'num_bits', 'observer', 'observer_kwargs'],
  ...['scale_dtype', 'strategy', 'symmetric', 'type', 'zp_dtype'],
]

const implied = (groupSize: number | null): Strategy =>
  groupSize === null ? 'tensor' : groupSize === -1 ? 'channel' : 'group'

const readNullable = (json: JsonObject, key: string): string | null =>
  json[key] == null ? null : readString(json, key, '')

const readDynamic = (json: JsonObject): boolean | 'local' =>
  json.dynamic === 'local' ? 'local' : readBoolean(json, 'dynamic', false)

const ORDERS = ['group', 'weight'] as const

/** Older releases wrote true for "group", and "dynamic" and "static" for the two orders. */
function readActorder(json: JsonObject): QuantizationArguments['actorder'] {
  const { actorder } = json
  if (actorder == null || actorder === false) return null
  if (actorder === true || actorder === 'dynamic') return 'group'
  if (actorder === 'static') return 'weight'
  return oneOf(readString(json, 'actorder', '').toLowerCase(), ORDERS, 'actorder')
}

function readBlock(value: unknown, strategy: Strategy): readonly [number, number] | null {
  if (value == null) {
    if (strategy === 'block') throw wrongValue('block_structure', value, 'the rows and columns of a block')
    return null
  }
  const sizes = typeof value === 'string' ? value.split('x').map(Number) : value
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) > 0
  if (Array.isArray(sizes) && sizes.length === 2 && sizes.every(isSize)) return [sizes[0], sizes[1]]
  throw wrongValue('block_structure', value, 'two positive integers, or "128x128"')
}
