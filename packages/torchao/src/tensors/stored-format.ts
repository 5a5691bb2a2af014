import {
  CheckpointError,
  type FormatContext,
  HfquantError,
  isFloatDtype,
  type Skip,
  skip,
  type WeightInfo,
} from '@hfquant/core'
import type { TorchAoBaseConfig } from '../configs/base-config.js'
import { readDocument } from './read-document.js'
import { readHeader, type TorchAoHeader } from './read-header.js'
import { openParts } from './stored-parts.js'
import { findTensorClass, PLAIN_CLASS } from './tensor-classes.js'
import { componentKey, type TorchAoFormat } from './torchao-format.js'

/**
 * The format of a weight in a quantized checkpoint. The tensors decide; the config only must not say otherwise.
 *
 * @param config undefined when the config says nothing about this weight.
 * @throws CapabilityError for a tensor class that cannot be loaded; CheckpointError for a damaged header, for parts that
 * do not fit, and when config and tensors contradict each other.
 */
export async function storedFormat(
  weight: WeightInfo,
  config: TorchAoBaseConfig | undefined,
  context: FormatContext,
): Promise<TorchAoFormat | Skip> {
  try {
    return await readFormat(weight, config, context)
  } catch (error) {
    throw inFile(error, [...(context.stored?.tensors.values() ?? [])][0]?.file)
  }
}

/** Every file repeats all documents, so what is wrong with one is said of the file that holds the weight. */
function inFile(error: unknown, file: string | undefined): unknown {
  const isKnown = HfquantError.isInstance(error) && error.code !== 'TENSOR_MISSING'
  return isKnown && file !== undefined ? error.inFile(file) : error
}

async function readFormat(
  weight: WeightInfo,
  config: TorchAoBaseConfig | undefined,
  { stored, metadata }: FormatContext,
): Promise<TorchAoFormat | Skip> {
  const tensors = stored?.tensors ?? new Map()
  const tensor = originalName(weight, tensors)
  const entry = findEntry(readHeader(metadata), tensor)
  const plain = tensors.get('weight')
  if (entry.type === PLAIN_CLASS && plain !== undefined && isFloatDtype(plain.dtype)) {
    return skip('is stored in float')
  }
  const known = findTensorClass(entry.type, tensor)
  const document = readDocument(entry.json, known, tensor, (name) => tensors.has(componentKey(name)))
  const format = await known.format(openParts(document, weight, stored!, tensor))
  const expected = config?.storedAs(weight)
  if (config === undefined || expected === format.storedAs) return format
  throw new CheckpointError(
    'CONFIG_CONTRADICTS_TENSORS',
    `config.json says ${config.describe()}, which is stored as ${expected}; "${tensor}" is stored as ${format.storedAs}`,
    {
      tensor,
      found: format.storedAs,
      expected,
      hint: 'Take config.json and the weights from the same revision.',
    },
  )
}

/** The name that the header uses: as in the file, which may lack the prefix of the whole model. */
function originalName(
  { path }: WeightInfo,
  tensors: NonNullable<FormatContext['stored']>['tensors'],
): string {
  for (const [key, { name }] of tensors) {
    const current = name === undefined ? undefined : currentName(name)
    if (current?.endsWith(`.${key}`)) return `${current.slice(0, -key.length - 1)}.weight`
  }
  return `${path}.weight`
}

/** Release 0.14 wrote `M.p:qdata` for `M._p_qdata`, and `M.p:_data` for a plain `M.p`. */
export function currentName(name: string): string {
  const colon = name.lastIndexOf(':')
  if (colon < 0) return name
  const [parameter, dataName] = [name.slice(0, colon), name.slice(colon + 1)]
  if (dataName === '_data') return parameter
  const dot = parameter.lastIndexOf('.')
  return `${parameter.slice(0, dot + 1)}_${parameter.slice(dot + 1)}_${dataName}`
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
