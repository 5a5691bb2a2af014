import {
  CheckpointError,
  type FormatContext,
  isFloatDtype,
  type Skip,
  skip,
  type WeightInfo,
} from '@hfquant/core'
import type { TorchAoBaseConfig } from '../configs/base-config.js'
import { readDocument } from './read-document.js'
import { readHeader, type TorchAoHeader } from './read-header.js'
import { readStoredCodes } from './read-stored-weight.js'
import { findTensorClass, PLAIN_CLASS, unsupportedTensor } from './tensor-classes.js'
import type { TorchAoFormat } from './torchao-format.js'

/**
 * The format of a weight in a quantized checkpoint. The tensors decide; the config only must not say otherwise.
 *
 * @throws CapabilityError for a tensor class or layout that cannot be loaded; CheckpointError for a damaged header, for
 * parts that do not fit, and when config and tensors contradict each other.
 */
export async function storedFormat(
  weight: WeightInfo,
  config: TorchAoBaseConfig,
  { stored, metadata }: FormatContext,
): Promise<TorchAoFormat | Skip> {
  const tensors = stored?.tensors ?? new Map()
  const tensor = originalName(weight, tensors)
  if ([...tensors.keys()].some((key) => key.includes(':'))) {
    throw unsupportedTensor(tensor, 'a tensor in the layout of torchao 0.14 ("weight:qdata")')
  }
  const entry = findEntry(readHeader(metadata), tensor)
  const plain = tensors.get('weight')
  if (entry.type === PLAIN_CLASS && plain !== undefined && isFloatDtype(plain.dtype)) {
    return skip('is stored in float')
  }
  const known = findTensorClass(entry.type, tensor)
  const document = readDocument(entry.json, known, tensor)
  const unsupported = known.unsupported(document.fields)
  if (unsupported !== undefined) throw unsupportedTensor(tensor, `${known.className} of ${unsupported}`)
  const codes = await readStoredCodes(document, known, weight, stored!, tensor)
  const found = known.describe(document.fields, codes.groupSize)
  const expected = config.storedAs(weight.inFeatures)
  if (found !== expected) {
    throw new CheckpointError(
      'CONFIG_CONTRADICTS_TENSORS',
      `config.json says ${config.describe()}, which is stored as ${expected}; "${tensor}" is stored as ${found}`,
      {
        tensor,
        found,
        expected,
        hint: 'Take config.json and the weights from the same revision.',
      },
    )
  }
  return known.format(document.fields, codes)
}

/** The name that the header uses: as in the file, which may lack the prefix of the whole model. */
function originalName(
  { path }: WeightInfo,
  tensors: NonNullable<FormatContext['stored']>['tensors'],
): string {
  for (const [key, { name }] of tensors) {
    if (name?.endsWith(`.${key}`)) return `${name.slice(0, -key.length - 1)}.weight`
  }
  return `${path}.weight`
}

function findEntry(header: TorchAoHeader | undefined, tensor: string) {
  const entry = header?.documents.get(tensor)
  if (entry !== undefined) return entry
  const missing =
    header === undefined
      ? 'the header has no tensor_names with a document for each name'
      : `the header has no document for "${tensor}"`
  throw new CheckpointError(
    'TENSOR_DOCUMENT_MISSING',
    `config.json says quant_method "torchao", but ${missing}, so "${tensor}" cannot be read`,
    {
      tensor,
      hint: 'Take config.json and the weights from the same revision, or save the model with torchao 0.15 or later.',
    },
  )
}
