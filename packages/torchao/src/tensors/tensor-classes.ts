import { CapabilityError, CheckpointError } from '@hfquant/core'
import { int8Tensor } from './int8-tensor.js'
import { intxTensor } from './intx-tensor.js'
import type { TensorClass } from './tensor-class.js'

const SUPPORTED: ReadonlyMap<string, TensorClass> = new Map(
  [int8Tensor, intxTensor].map((known) => [known.className, known]),
)

/** Classes of torchao that no code here reads yet, or ever will: their data depends on the machine. */
const RECOGNIZED = [
  'Float8Tensor',
  'Int4Tensor',
  'Int4TilePackedTo4dTensor',
  'Int4PlainInt32Tensor',
  'Int4PreshuffledTensor',
  'IntxOpaqueTensor',
  'MXTensor',
  'NVFP4Tensor',
  'AffineQuantizedTensor',
  'LinearActivationQuantizedTensor',
]

export const PLAIN_CLASS = 'Tensor'

export const isTensorClass = (type: string): boolean =>
  type === PLAIN_CLASS || SUPPORTED.has(type) || RECOGNIZED.includes(type)

/**
 * @param tensor original name, "model.layers.0.mlp.up_proj.weight".
 * @throws CapabilityError TENSOR_CLASS_UNSUPPORTED for a class of torchao, CheckpointError TENSOR_CLASS_UNKNOWN for any
 * other name.
 */
export function findTensorClass(type: string, tensor: string): TensorClass {
  const found = SUPPORTED.get(type)
  if (found !== undefined) return found
  const supported = [...SUPPORTED.keys()]
  if (RECOGNIZED.includes(type)) throw unsupportedTensor(tensor, type)
  throw new CheckpointError(
    'TENSOR_CLASS_UNKNOWN',
    `"${tensor}" is stored as ${type.slice(0, 100)}, which torchao does not have; expected one of ${supported.join(', ')}`,
    {
      tensor,
      field: '_type',
      found: type,
      expected: supported,
      hint: 'The header is damaged, or a newer torchao wrote it; quantize the float model again.',
    },
  )
}

export function unsupportedTensor(tensor: string, what: string): CapabilityError {
  const expected = [...SUPPORTED.keys()]
  return new CapabilityError(
    'TENSOR_CLASS_UNSUPPORTED',
    `"${tensor}" is stored as ${what}, which cannot be loaded; supported are ${expected.join(', ')}`,
    {
      tensor,
      found: what,
      expected,
      hint: 'Quantize the float model again with one of the supported configs.',
    },
  )
}
