import { elementCount, type FieldTensor, type FlatTensor, type StoredObject } from '@hfquant/core'
import { dtypeValue, type Fields, type Value } from '../encoding/values.js'
import { badAttribute } from '../tensors/document-fields.js'
import { encodeActivations, type Int8Activations } from '../tensors/int8-activations.js'
import { INT8_TENSOR } from '../tensors/int8-tensor.js'
import { INT_DTYPES, INT8_ASYM_PER_TOKEN, INTX_TENSOR } from '../tensors/intx-tensor.js'
import { unsupportedTensor } from '../tensors/tensor-classes.js'
import { fieldObject, fieldTensor, fieldValue, lastSegment } from './field-value.js'
import type { FlatObject } from './flatten-objects.js'
import { presentedDtype } from './tensor-subclass.js'

const AFFINE = 'AffineQuantizedTensor'
const DYNAMIC = 'LinearActivationQuantizedTensor'

/** True for the tensor subclasses of version 1, which exist in pickled files only. */
export const isAffine = ({ className }: { readonly className: string }): boolean =>
  [AFFINE, DYNAMIC].includes(lastSegment(className))

/** How the functions that version 1 stores by name round the inputs of a layer. They are recognised, never called. */
const ACTIVATIONS: ReadonlyMap<string, Int8Activations['mapping']> = new Map([
  // -127..127 where version 2 has -128..127; the weights are the same.
  ['_int8_symm_per_token_reduced_range_quant', 'SYMMETRIC'],
  ['_int8_asymm_per_token_quant', 'ASYMMETRIC'],
])

/** They are read while the file is opened: 64 MiB at 8 bytes each. The largest layers have a few million. */
const MAX_ZERO_POINTS = 2 ** 23

/**
 * A weight of version 1 in its plain layout, as the tensor class of version 2 that holds the same codes and scales:
 * Int8Tensor for 8 bits, IntxUnpackedToInt8Tensor for fewer. Scales keep their dtype and get the dimension that
 * version 2 does not drop.
 *
 * @throws CapabilityError for other layouts, zero points other than 0, and activations without a counterpart.
 */
export async function flattenAffine<Tensor extends FieldTensor>(
  object: StoredObject<Tensor>,
  read: (tensor: Tensor) => Promise<Uint8Array>,
): Promise<FlatObject<Tensor>> {
  const { name } = object
  const activations = readActivations(object)
  const inner = activations === undefined ? object : fieldObject(object.fields.get('original_weight_tensor'))
  const data = inner === undefined ? undefined : fieldObject(inner.fields.get('tensor_impl'))
  const layout = fieldObject(data?.fields.get('_layout'))
  const codes = fieldTensor(data?.fields.get('int_data'))
  const scale = fieldTensor(data?.fields.get('scale'))
  if (inner === undefined || lastSegment(inner.className) !== AFFINE)
    throw unsupported(object, 'another weight')
  if (codes === undefined || scale === undefined || lastSegment(layout?.className ?? '') !== 'PlainLayout') {
    throw unsupported(object, 'another layout than PlainLayout')
  }
  const bits = readBits(inner)
  if (bits < 8 && activations === 'SYMMETRIC') throw unsupported(object, 'symmetric activations')
  const shape = scale.shape.length === 1 ? [...scale.shape, 1] : scale.shape
  const parts = new Map<string, Omit<FlatTensor<Tensor>, 'name'>>()
  const zeroPoint = fieldTensor(data?.fields.get('zero_point'))
  if (zeroPoint !== undefined) {
    const elements = elementCount(zeroPoint.shape)
    if (elements !== elementCount(scale.shape)) throw unsupported(object, 'zero points of another shape')
    if (elements > MAX_ZERO_POINTS) throw unsupported(object, `more than ${MAX_ZERO_POINTS} zero points`)
    const bytes = await read(zeroPoint)
    if (bytes.some((byte) => byte !== 0)) throw unsupported(object, 'zero points')
    // All zeros: the first bytes are int8 zeros, which is how version 2 stores them.
    parts.set('zero_point', { source: zeroPoint, dtype: 'int8', shape })
  }
  parts.set('qdata', { source: codes, dtype: codes.dtype, shape: codes.shape })
  parts.set('scale', { source: scale, dtype: scale.dtype, shape })
  const common = {
    block_size: fieldValue(inner.fields.get('block_size') ?? null, name, 'block_size'),
    dtype: presentedDtype(name, inner.presents?.dtype ?? ''),
  }
  const [type, fields] = classOf(bits, activations, common)
  return { document: { type, fields, dataNames: [...parts.keys()] }, parts }
}

function classOf(
  bits: number,
  mapping: Int8Activations['mapping'] | undefined,
  common: { readonly block_size: Value; readonly dtype: Value },
): readonly [type: string, fields: Fields] {
  if (bits === 8) {
    const activations = { granularity: 'PerRow', mapping, reduceRange: false } as const
    const kwargs = mapping === undefined ? null : encodeActivations({ ...activations, mapping })
    return [INT8_TENSOR, { act_quant_kwargs: kwargs, ...common }]
  }
  const activation_quantization = mapping === undefined ? null : INT8_ASYM_PER_TOKEN
  return [
    INTX_TENSOR,
    { target_dtype: dtypeValue(INT_DTYPES[bits - 1]!), ...common, activation_quantization },
  ]
}

/** Undefined for a weight whose inputs stay float. */
function readActivations<Tensor extends FieldTensor>(
  object: StoredObject<Tensor>,
): Int8Activations['mapping'] | undefined {
  if (lastSegment(object.className) === AFFINE) return undefined
  const quantize = object.fields.get('input_quant_func')
  const isFunction = typeof quantize === 'object' && quantize !== null && 'kind' in quantize
  const name = isFunction && quantize.kind === 'function' ? lastSegment(quantize.name) : ''
  const mapping = ACTIVATIONS.get(name)
  const kwargs = object.fields.get('quant_kwargs') ?? null
  const isBare = kwargs === null || (kwargs instanceof Map && kwargs.size === 0)
  if (mapping === undefined || !isBare) throw unsupported(object, 'another quantization of activations')
  return mapping
}

/** Width of the codes: absent bounds are those of int8. */
function readBits<Tensor extends FieldTensor>({ name, fields }: StoredObject<Tensor>): number {
  const [least, most] = [fields.get('quant_min') ?? -128, fields.get('quant_max') ?? 127]
  const bits = INT_DTYPES.findIndex((_, index) => least === -(2 ** index) && most === 2 ** index - 1) + 1
  if (bits > 0) return bits
  throw badAttribute(name, 'quant_min and quant_max', `${least} and ${most}`, 'the range of int1 to int8')
}

const unsupported = ({ name, className }: { name: string; className: string }, what: string) =>
  unsupportedTensor(
    name,
    `${lastSegment(className)} with ${what}`,
    'Save the model again with torchao 0.18 or later.',
  )
