import { CheckpointError } from '@hfquant/core'
import { decodeFields, isJsonObject } from '../encoding/decode.js'
import type { Fields } from '../encoding/values.js'
import { badAttribute, DAMAGED } from './document-fields.js'
import type { TensorClass } from './tensor-class.js'
import { unsupportedTensor } from './tensor-classes.js'
import type { TensorDocument } from './torchao-format.js'

/**
 * Reads the document of a tensor of a class.
 *
 * @param holds says whether the checkpoint has a part, for documents of release 0.14, which do not list their parts.
 * @throws CheckpointError TENSOR_DOCUMENT_INVALID that names tensor and attribute.
 */
export function readDocument(
  json: unknown,
  known: TensorClass,
  tensor: string,
  holds: (dataName: string) => boolean,
): TensorDocument {
  if (!isJsonObject(json)) throw badAttribute(tensor, 'document', json, 'an object')
  let fields: Fields
  try {
    fields = decodeFields(json._data, '_data')
  } catch (cause) {
    const { message } = cause as Error
    throw new CheckpointError('TENSOR_DOCUMENT_INVALID', `the header says of "${tensor}": ${message}`, {
      tensor,
      hint: DAMAGED,
      cause,
    })
  }
  for (const [name, value] of Object.entries(fields)) {
    if (!known.attributes.includes(name)) throw badAttribute(tensor, name, value, known.attributes.join(', '))
  }
  known.check(fields, tensor)
  const names = json._tensor_data_names ?? [...known.requiredData, ...known.optionalData.filter(holds)]
  return { type: known.className, fields, dataNames: readDataNames(names, known, tensor) }
}

function readDataNames(names: unknown, known: TensorClass, tensor: string): readonly string[] {
  const allowed = [...known.requiredData, ...known.optionalData]
  if (!Array.isArray(names) || !names.every((name): name is string => typeof name === 'string')) {
    throw badAttribute(tensor, '_tensor_data_names', names, `a list of ${allowed.join(', ')}`)
  }
  const missing = known.requiredData.find((name) => !names.includes(name))
  if (missing !== undefined || new Set(names).size !== names.length) {
    throw badAttribute(tensor, '_tensor_data_names', names, `${known.requiredData.join(', ')}, each once`)
  }
  const extra = names.find((name) => !allowed.includes(name))
  if (extra !== undefined) throw unsupportedTensor(tensor, `${known.className} with "${extra.slice(0, 100)}"`)
  return names
}
