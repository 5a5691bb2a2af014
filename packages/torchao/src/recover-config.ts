import { type Checkpoint, CheckpointError } from '@hfquant/core'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import { perAxis, perGroup, perRow } from './configs/granularity.js'
import { Int8DynamicActivationIntxWeightConfig } from './configs/int8-dynamic-activation-intx-weight.js'
import { Int8WeightOnlyConfig } from './configs/int8-weight-only.js'
import { badAttribute } from './tensors/document-fields.js'
import { INT8_TENSOR } from './tensors/int8-tensor.js'
import { targetDtype } from './tensors/intx-tensor.js'
import { readDocument } from './tensors/read-document.js'
import { readHeader } from './tensors/read-header.js'
import { findTensorClass, PLAIN_CLASS, unsupportedTensor } from './tensors/tensor-classes.js'
import { componentKey, type TensorDocument } from './tensors/torchao-format.js'
import { TorchAoConfig } from './torchao-config.js'

type Source = Pick<Checkpoint, 'metadata' | 'tensors'>

/**
 * The config of a checkpoint whose config.json lost it, from its tensors; undefined when none is quantized. Mapping and
 * packing format are not visible in a tensor and come back as the defaults. A group that happens to be as long as every
 * row comes back as a row for int8, and as a group for the configs of 1 to 8 bits.
 *
 * @throws CapabilityError for a tensor class that cannot be loaded; CheckpointError for a damaged header.
 */
export function recoverConfig(checkpoint: Source): TorchAoConfig | undefined {
  const quantized = [...(readHeader(checkpoint.metadata)?.documents ?? [])]
    .filter(([, { type }]) => type !== PLAIN_CLASS)
    .map(([tensor, { type, json }]) => readQuantized(tensor, type, json))
  const [first] = quantized
  if (first === undefined) return undefined
  const oneSize = quantized.every(({ groupSize }) => groupSize === first.groupSize)
  return new TorchAoConfig({ quantType: configOf(first, oneSize, checkpoint) })
}

interface QuantizedTensor {
  readonly tensor: string
  readonly document: TensorDocument
  readonly groupSize: number
}

function readQuantized(tensor: string, type: string, json: unknown): QuantizedTensor {
  const known = findTensorClass(type, tensor)
  const document = readDocument(json, known, tensor)
  const { fields } = document
  known.bits(fields, tensor)
  const unsupported = known.unsupported(fields)
  if (unsupported !== undefined) throw unsupportedTensor(tensor, `${type} of ${unsupported}`)
  const groupSize: unknown = Array.isArray(fields.block_size) ? fields.block_size[1] : undefined
  if (typeof groupSize !== 'number' || !Number.isSafeInteger(groupSize) || groupSize < 1) {
    throw badAttribute(tensor, 'block_size', fields.block_size, '[1, a positive integer]')
  }
  return { tensor, document, groupSize }
}

function configOf(
  { tensor, document, groupSize }: QuantizedTensor,
  oneSize: boolean,
  checkpoint: Source,
): TorchAoBaseConfig {
  if (document.type === INT8_TENSOR) {
    const wholeRow = groupSize === columnsOf(tensor, checkpoint)
    return new Int8WeightOnlyConfig({ granularity: wholeRow ? perRow() : perGroup(groupSize) })
  }
  return new Int8DynamicActivationIntxWeightConfig({
    weightDtype: targetDtype(document.fields)!,
    weightGranularity: oneSize ? perGroup(groupSize) : perAxis(),
  })
}

function columnsOf(tensor: string, { tensors }: Source): number {
  const name = `${tensor.slice(0, tensor.lastIndexOf('.'))}.${componentKey('qdata')}`
  const columns = tensors.get(name)?.shape[1]
  if (columns !== undefined) return columns
  throw new CheckpointError('TENSOR_MISSING', `"${name}" is in none of the checkpoint's files`, {
    tensor: name,
    hint: 'The download may be incomplete.',
  })
}
