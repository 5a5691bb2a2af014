import { enumValue, isTagged, type ObjectValue, objectValue, type Value } from '../encoding/values.js'
import { badAttribute } from './document-fields.js'

/** How the inputs of a layer are rounded to int8 while the model runs. */
export interface Int8Activations {
  /** PerRow: a scale for each token. */
  readonly granularity: 'PerRow' | 'PerTensor'
  readonly mapping: 'SYMMETRIC' | 'ASYMMETRIC'
  /** Codes keep to -64..63. */
  readonly reduceRange: boolean
}

const CLASS_NAME = 'QuantizeTensorToInt8Kwargs'

/** `act_quant_kwargs` of an Int8Tensor. */
export function encodeActivations({ granularity, mapping, reduceRange }: Int8Activations): ObjectValue {
  return objectValue(CLASS_NAME, {
    granularity: objectValue(granularity, granularity === 'PerRow' ? { dim: -1 } : {}),
    mapping_type: enumValue('MappingType', mapping),
    reduce_range: reduceRange,
  })
}

/**
 * Reads `act_quant_kwargs`; undefined: activations stay float.
 *
 * @throws CheckpointError TENSOR_DOCUMENT_INVALID.
 */
export function readActivations(value: Value | undefined, tensor: string): Int8Activations | undefined {
  if (value === undefined || value === null) return undefined
  const wrong = (attribute: string, found: unknown, expected: string) =>
    badAttribute(tensor, `act_quant_kwargs${attribute}`, found, expected)
  if (!isTagged(value) || value.kind !== 'object' || value.type !== CLASS_NAME) {
    throw wrong('', value, `null or ${CLASS_NAME}`)
  }
  const { granularity, mapping_type: mapping, reduce_range: reduceRange = false } = value.fields
  const type = isTagged(granularity) && granularity.kind === 'object' ? granularity : undefined
  const lastDimension = type?.fields.dim === undefined || type.fields.dim === -1
  if ((type?.type !== 'PerRow' && type?.type !== 'PerTensor') || !lastDimension) {
    throw wrong('.granularity', granularity, 'PerRow(-1) or PerTensor')
  }
  const member = isTagged(mapping) && mapping.kind === 'enum' ? mapping.member : undefined
  if (member !== 'SYMMETRIC' && member !== 'ASYMMETRIC') {
    throw wrong('.mapping_type', mapping, 'SYMMETRIC or ASYMMETRIC')
  }
  if (typeof reduceRange !== 'boolean') throw wrong('.reduce_range', reduceRange, 'true or false')
  return { granularity: type.type, mapping: member, reduceRange }
}

export const describeActivations = (activations: Int8Activations | undefined): string =>
  activations === undefined ? '' : `, activations int8 ${activations.granularity} ${activations.mapping}`
