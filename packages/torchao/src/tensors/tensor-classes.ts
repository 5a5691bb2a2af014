import { CapabilityError, CheckpointError } from '@hfquant/core'
import { float8Tensor } from './float8-tensor.js'
import { int4Tensor } from './int4-tensor.js'
import { int8Tensor } from './int8-tensor.js'
import { intxTensor } from './intx-tensor.js'
import type { TensorClass } from './tensor-class.js'

const SUPPORTED: ReadonlyMap<string, TensorClass> = new Map(
  [int8Tensor, intxTensor, int4Tensor, float8Tensor].map((known) => [known.className, known]),
)

const REPACK = 'Quantize the float model again with Int4WeightOnlyConfig in its plain packing.'
const REQUANTIZE = 'Quantize the float model again with one of the supported configs.'
const OLD = 'Such tensors exist in .bin files only; save the model again with torchao 0.18 or later.'

/** Classes of torchao whose data is in the order of one kernel or processor, or has no place in this layout. */
const RECOGNIZED: ReadonlyMap<string, string> = new Map([
  ['Int4TilePackedTo4dTensor', REPACK],
  ['Int4PlainInt32Tensor', REPACK],
  ['Int4PreshuffledTensor', REPACK],
  ['Int4OpaqueTensor', REPACK],
  ['IntxOpaqueTensor', 'Quantize the float model again with the packing format UNPACKED_TO_INT8.'],
  ['MXTensor', REQUANTIZE],
  ['NVFP4Tensor', REQUANTIZE],
  ['AffineQuantizedTensor', OLD],
  ['LinearActivationQuantizedTensor', OLD],
])

export const PLAIN_CLASS = 'Tensor'

/**
 * @param tensor original name, "model.layers.0.mlp.up_proj.weight".
 * @throws CapabilityError TENSOR_CLASS_UNSUPPORTED for a class of torchao, CheckpointError TENSOR_CLASS_UNKNOWN for any
 * other name.
 */
export function findTensorClass(type: string, tensor: string): TensorClass {
  const found = SUPPORTED.get(type)
  if (found !== undefined) return found
  const supported = [...SUPPORTED.keys()]
  const hint = RECOGNIZED.get(type)
  if (hint !== undefined) throw unsupportedTensor(tensor, type, hint)
  throw new CheckpointError(
    'TENSOR_CLASS_UNKNOWN',
    `"${tensor}" is stored as ${type.slice(0, 100)}, a class that is not known here; expected one of ${supported.join(', ')}`,
    {
      tensor,
      field: '_type',
      found: type,
      expected: supported,
      hint: 'A newer torchao wrote the file, or its header is damaged; quantize the float model again with --quantize.',
    },
  )
}

export function unsupportedTensor(tensor: string, what: string, hint = REQUANTIZE): CapabilityError {
  const expected = [...SUPPORTED.keys()]
  return new CapabilityError(
    'TENSOR_CLASS_UNSUPPORTED',
    `"${tensor}" is stored as ${what}, which cannot be loaded; supported are ${expected.join(', ')}`,
    { tensor, found: what, expected, hint },
  )
}
