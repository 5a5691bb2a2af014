import { wrong } from '../encoding/decode.js'
import { isTagged, type ObjectValue, objectValue, type Value } from '../encoding/values.js'

/** All weights share a scale. */
export interface PerTensor {
  readonly type: 'PerTensor'
}

/** The weights of a row share a scale. */
export interface PerRow {
  readonly type: 'PerRow'
  readonly dim: -1
}

/** The same as per row, in the words of the configs for 1 to 8 bits. */
export interface PerAxis {
  readonly type: 'PerAxis'
  readonly axis: 0
}

/** So many consecutive weights of a row share a scale. */
export interface PerGroup {
  readonly type: 'PerGroup'
  readonly groupSize: number
}

export type Granularity = PerTensor | PerRow | PerAxis | PerGroup

export const perTensor = (): PerTensor => ({ type: 'PerTensor' })
export const perRow = (): PerRow => ({ type: 'PerRow', dim: -1 })
export const perAxis = (): PerAxis => ({ type: 'PerAxis', axis: 0 })

/** @throws ConfigError unless `groupSize` is a positive integer. */
export function perGroup(groupSize: number): PerGroup {
  if (!Number.isSafeInteger(groupSize) || groupSize < 1) {
    throw wrong('FIELD_VALUE', 'group_size', groupSize, 'a positive integer')
  }
  return { type: 'PerGroup', groupSize }
}

export function encodeGranularity(granularity: Granularity): ObjectValue {
  switch (granularity.type) {
    case 'PerTensor':
      return objectValue('PerTensor', {})
    case 'PerRow':
      return objectValue('PerRow', { dim: granularity.dim })
    case 'PerAxis':
      return objectValue('PerAxis', { axis: granularity.axis })
    case 'PerGroup':
      return objectValue('PerGroup', { group_size: granularity.groupSize })
  }
}

/** @throws ConfigError that names the field. */
export function readGranularity<Type extends Granularity['type']>(
  value: Value,
  field: string,
  allowed: readonly Type[],
): Extract<Granularity, { readonly type: Type }> {
  const type = isTagged(value) && value.kind === 'object' ? value.type : undefined
  if (type === undefined || !allowed.some((known) => known === type)) {
    throw wrong('FIELD_VALUE', field, type ?? value, allowed)
  }
  return build(value as ObjectValue, field) as Extract<Granularity, { readonly type: Type }>
}

function build({ type, fields }: ObjectValue, field: string): Granularity {
  if (type === 'PerTensor') return perTensor()
  if (type === 'PerRow') {
    const dim = fields.dim ?? -1
    if (dim !== -1 && dim !== 1) throw wrong('FIELD_VALUE', `${field}._data.dim`, dim, '-1')
    return perRow()
  }
  if (type === 'PerAxis') {
    if (fields.axis !== 0) throw wrong('FIELD_VALUE', `${field}._data.axis`, fields.axis, '0')
    return perAxis()
  }
  const size = fields.group_size
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 1) {
    throw wrong('FIELD_VALUE', `${field}._data.group_size`, size, 'a positive integer')
  }
  return perGroup(size)
}

/** Consecutive weights of a row that share a scale; with `shared`, all rows have the same one. */
export interface ScaleBlock {
  readonly groupSize: number
  readonly shared: boolean
}

/** The block of a granularity in a weight [outFeatures, inFeatures]. Of a weight of one row, that row. */
export function blockOf(
  granularity: Granularity,
  { outFeatures, inFeatures }: { readonly outFeatures: number; readonly inFeatures: number },
): ScaleBlock {
  return {
    groupSize: granularity.type === 'PerGroup' ? granularity.groupSize : inFeatures,
    shared: granularity.type === 'PerTensor' && outFeatures > 1,
  }
}

export const showGranularity = (granularity: Granularity): string =>
  granularity.type === 'PerGroup' ? `PerGroup(${granularity.groupSize})` : granularity.type
