import { CapabilityError, CheckpointError, type CheckpointHeaders } from '@hfquant/core'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import { FqnToConfig } from './configs/fqn-to-config.js'
import { perAxis, perGroup, perRow, perTensor } from './configs/granularity.js'
import { Int4WeightOnlyConfig } from './configs/int4-weight-only.js'
import { Int8DynamicActivationInt8WeightConfig } from './configs/int8-dynamic-activation-int8-weight.js'
import { Int8DynamicActivationIntxWeightConfig } from './configs/int8-dynamic-activation-intx-weight.js'
import { Int8WeightOnlyConfig } from './configs/int8-weight-only.js'
import { IntxWeightOnlyConfig } from './configs/intx-weight-only.js'
import { badAttribute } from './tensors/document-fields.js'
import { FLOAT8_TENSOR } from './tensors/float8-tensor.js'
import { INT4_TENSOR } from './tensors/int4-tensor.js'
import { readActivations } from './tensors/int8-activations.js'
import { INT8_TENSOR } from './tensors/int8-tensor.js'
import { hasDynamicActivations, targetDtype } from './tensors/intx-tensor.js'
import { readDocument } from './tensors/read-document.js'
import { readHeader } from './tensors/read-header.js'
import { currentName } from './tensors/stored-format.js'
import { findTensorClass, PLAIN_CLASS } from './tensors/tensor-classes.js'
import { partName, type TensorDocument } from './tensors/torchao-format.js'
import { TorchAoConfig } from './torchao-config.js'

type Source = CheckpointHeaders

/**
 * The config of a checkpoint whose config.json lost it, from its tensors; undefined when none is quantized. Mapping and
 * packing format are not visible in a tensor and come back as the defaults; tensors that differ come back as FqnToConfig.
 * A group that happens to be as long as every
 * row comes back as a row for int8, and as a group for the configs of 1 to 8 bits with quantized activations.
 *
 * @throws CapabilityError for a tensor class that cannot be loaded, or whose config a tensor does not show (float8);
 * CheckpointError for a damaged header.
 */
export function recoverConfig(checkpoint: Source): TorchAoConfig | undefined {
  const names = new Map([...checkpoint.tensors].map(([name, tensor]) => [currentName(name), tensor]))
  const quantized = [...(readHeader(checkpoint.metadata)?.documents ?? [])]
    // What is stored under its own name is not in parts, whatever its document says.
    .filter(([name, { type }]) => type !== PLAIN_CLASS && !names.has(name))
    .map(([tensor, { type, json }]) => readQuantized(tensor, type, json, names))
  if (quantized.length === 0) return undefined
  const configs = quantized.map((one) => {
    const alike = quantized.filter(({ document }) => document.type === one.document.type)
    const oneSize = alike.every(({ groupSize }) => groupSize === one.groupSize)
    return [modulePath(one.tensor), configOf(one, oneSize, names)] as const
  })
  const distinct = new Map(configs.map(([, config]) => [JSON.stringify(config.encoded()), config]))
  const [only, ...others] = distinct.values()
  const quantType = others.length === 0 ? only! : new FqnToConfig(Object.fromEntries(configs))
  return new TorchAoConfig({ quantType })
}

type Tensors = Source['tensors']

interface QuantizedTensor {
  readonly tensor: string
  readonly document: TensorDocument
  readonly groupSize: number
  /** Rows that share a scale; more than one only when all rows do. */
  readonly rows: number
}

function readQuantized(tensor: string, type: string, json: unknown, tensors: Tensors): QuantizedTensor {
  const known = findTensorClass(type, tensor)
  if (type === FLOAT8_TENSOR) {
    throw new CapabilityError(
      'CONFIG_NOT_RECOVERABLE',
      `"${tensor}" is stored as ${type}: float8 recipes cannot be recovered from tensors`,
      {
        tensor,
        found: type,
        hint: 'Restore the quantization_config block in config.json, which is cheaper, or quantize the float model again with --quantize.',
      },
    )
  }
  const document = readDocument(json, known, tensor, (part) => tensors.has(partName(tensor, part)))
  const block: readonly unknown[] = Array.isArray(document.fields.block_size)
    ? document.fields.block_size
    : []
  const [rows, groupSize] = block
  if (!isPositive(rows) || !isPositive(groupSize)) {
    throw badAttribute(tensor, 'block_size', document.fields.block_size, '[1, a positive integer]')
  }
  return { tensor, document, groupSize, rows }
}

function configOf(
  { tensor, document, groupSize, rows }: QuantizedTensor,
  oneSize: boolean,
  tensors: Tensors,
): TorchAoBaseConfig {
  const { type, fields } = document
  if (type === INT8_TENSOR) {
    const activations = readActivations(fields.act_quant_kwargs, tensor)
    const wholeRows = groupSize === columnsOf(tensor, tensors)
    const granularity = !wholeRows ? perGroup(groupSize) : rows > 1 ? perTensor() : perRow()
    if (activations === undefined) return new Int8WeightOnlyConfig({ granularity })
    const ofWeight = granularity.type === 'PerTensor' ? perTensor() : perRow()
    const ofActivation = activations.granularity === 'PerTensor' ? perTensor() : perRow()
    return new Int8DynamicActivationInt8WeightConfig({
      actMappingType: activations.mapping,
      reduceRange: activations.reduceRange,
      granularity: ofWeight.type === ofActivation.type ? ofWeight : [ofActivation, ofWeight],
    })
  }
  if (type === INT4_TENSOR) return new Int4WeightOnlyConfig({ groupSize })
  const weightDtype = targetDtype(fields)!
  if (hasDynamicActivations(fields)) {
    const weightGranularity = oneSize ? perGroup(groupSize) : perAxis()
    return new Int8DynamicActivationIntxWeightConfig({ weightDtype, weightGranularity })
  }
  const wholeRows = groupSize === columnsOf(tensor, tensors)
  return new IntxWeightOnlyConfig({ weightDtype, granularity: wholeRows ? perAxis() : perGroup(groupSize) })
}

const isPositive = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0

const modulePath = (tensor: string): string => tensor.slice(0, tensor.lastIndexOf('.'))

function columnsOf(tensor: string, tensors: Tensors): number {
  const name = partName(tensor, 'qdata')
  const columns = tensors.get(name)?.shape[1]
  if (columns !== undefined) return columns
  throw new CheckpointError('TENSOR_MISSING', `"${name}" is in none of the checkpoint's files`, {
    tensor: name,
    hint: 'The download may be incomplete.',
  })
}
