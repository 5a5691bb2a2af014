import { quote } from '../errors.js'
import { createObject } from '../pickle/containers.js'
import { describe, type Global, isNode, type PickleValue } from '../pickle/values.js'
import { readArguments } from './arguments.js'
import { checkDataFields } from './check-data-fields.js'
import { collectFields } from './collect-fields.js'
import type { GlobalMeaning } from './rebuilt.js'

const QUANTIZATION = 'torchao.quantization'
const WORKFLOWS = `${QUANTIZATION}.quantize_.workflows`

/** Tensor subclasses: fields that hold tensors, and the others, in constructor order. */
const tensorClasses: Readonly<Record<string, readonly [data: string, attributes: string]>> = {
  [`${QUANTIZATION}.Int8Tensor`]: [
    'qdata scale zero_point act_quant_scale act_quant_zero_point act_pre_scale',
    'block_size dtype act_quant_kwargs reduce_range',
  ],
  [`${QUANTIZATION}.IntxUnpackedToInt8Tensor`]: [
    'qdata scale zero_point',
    'target_dtype block_size dtype activation_quantization',
  ],
  [`${QUANTIZATION}.Int4Tensor`]: [
    'qdata scale zero_point act_pre_scale',
    'block_size shape activation_dtype',
  ],
  [`${QUANTIZATION}.Int4TilePackedTo4dTensor`]: ['qdata scale_and_zero act_pre_scale', 'block_size shape'],
  [`${QUANTIZATION}.Int4PlainInt32Tensor`]: ['qdata scale zero_point act_pre_scale', 'block_size shape'],
  [`${QUANTIZATION}.Int4PreshuffledTensor`]: ['qdata group_scale group_zero row_scale', 'block_size shape'],
  [`${QUANTIZATION}.IntxOpaqueTensor`]: [
    'packed_weights',
    'bit_width block_size shape dtype packed_weights_has_zeros packed_weights_has_bias intx_packing_format',
  ],
  [`${QUANTIZATION}.Float8Tensor`]: [
    'qdata scale',
    'block_size mm_config act_quant_kwargs kernel_preference dtype',
  ],
  'torchao.dtypes.affine_quantized_tensor.AffineQuantizedTensor': [
    'tensor_impl',
    'block_size quant_min quant_max zero_point_domain',
  ],
  'torchao.dtypes.uintx.plain_layout.PlainAQTTensorImpl': ['int_data scale zero_point', '_layout'],
  [`${QUANTIZATION}.linear_activation_quantized_tensor.LinearActivationQuantizedTensor`]: [
    'original_weight_tensor',
    'input_quant_func quant_kwargs',
  ],
}

const dataclasses: Readonly<Record<string, string>> = {
  [`${WORKFLOWS}.int8.int8_tensor.QuantizeTensorToInt8Kwargs`]: 'granularity mapping_type reduce_range',
  [`${WORKFLOWS}.float8.float8_tensor.QuantizeTensorToFloat8Kwargs`]:
    'float8_dtype granularity mm_config hp_value_lb hp_value_ub kernel_preference',
  [`${QUANTIZATION}.granularity.PerRow`]: 'dim',
  [`${QUANTIZATION}.granularity.PerTensor`]: '',
  [`${QUANTIZATION}.granularity.PerBlock`]: 'block_size',
  'torchao.dtypes.utils.PlainLayout': '',
}

const enums: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {
  [`${QUANTIZATION}.quant_primitives.MappingType`]: {
    SYMMETRIC: 1,
    SYMMETRIC_NO_CLIPPING_ERR: 2,
    ASYMMETRIC: 3,
  },
  [`${QUANTIZATION}.quant_primitives.ZeroPointDomain`]: { INT: 1, FLOAT: 2, NONE: 3 },
  [`${QUANTIZATION}.quantize_.common.kernel_preference.KernelPreference`]: {
    AUTO: 'auto',
    TORCH: 'torch',
    MSLK: 'mslk',
    FBGEMM: 'fbgemm',
    EMULATED: 'emulated',
    TRITON: 'triton',
  },
  [`${WORKFLOWS}.intx.intx_packing_format.IntxPackingFormat`]: {
    UNPACKED_TO_INT8: 'unpacked_to_int8',
    OPAQUE_ATEN_KLEIDIAI: 'opaque_aten_kleidiai',
    OPAQUE_TORCHAO_AUTO: 'opaque_torchao_auto',
    OPAQUE_TORCHAO_KLEIDIAI: 'opaque_torchao_kleidiai',
    OPAQUE_TORCHAO_LOWBIT: 'opaque_torchao_lowbit',
  },
  [`${WORKFLOWS}.intx.intx_unpacked_to_int8_tensor.IntxUnpackedToInt8TensorActivationQuantization`]: {
    INT8_ASYM_PER_TOKEN: 'int8_asym_per_token',
  },
}

/** Functions that version 1 stores by name; they say how inputs were quantized. */
const functions = ['_int8_symm_per_token_reduced_range_quant', '_int8_asymm_per_token_quant']

const words = (text: string): readonly string[] => (text === '' ? [] : text.split(' '))

/** Passed to {@link rebuildFromType}, never called by itself. */
const rebuildWrapperSubclass: Global = {
  name: 'torch._utils._rebuild_wrapper_subclass',
  meaning: { kind: 'call' },
}

/**
 * (_rebuild_wrapper_subclass, C, args, state), where args are
 * (C, dtype, size, stride, storage offset, layout, device, requires_grad).
 */
const rebuildFromType: Global = {
  name: 'torch._tensor._rebuild_from_type_v2',
  meaning: { kind: 'call' },
  call(tuple, context) {
    const { refuse, budget } = context
    const outer = readArguments(rebuildFromType.name, tuple, [4, 4], refuse)
    if (outer.global(0).global !== rebuildWrapperSubclass) outer.fail(`${outer.global(0).global.name}`)
    const { name, meaning } = outer.global(1).global
    if (meaning.kind !== 'tensor-class') return outer.fail(`${name}, which is no tensor class`)

    const inner = readArguments(rebuildWrapperSubclass.name, outer.tuple(2), [8, 8], refuse)
    if (inner.global(0).global !== outer.global(1).global) inner.fail('another class than outside')
    const dtype = inner.dtype(1)
    const shape = inner.wholeNumbers(2)
    inner.wholeNumbers(3)
    inner.wholeNumber(4)
    for (const [index, className] of [
      [5, 'torch.layout'],
      [6, 'torch.device'],
    ] as const) {
      if (!isToken(inner.at(index), className))
        inner.fail(`${describe(inner.at(index))}, expected a ${className}`)
    }
    inner.flag(7)

    const known = [...meaning.data, ...meaning.attributes]
    const fields = collectFields(outer.dict(3), { name, known }, context)
    checkDataFields(name, meaning.data, fields, refuse)
    const value = {
      kind: 'object',
      className: name,
      knownFields: known,
      fields,
      presents: Object.freeze({ dtype, shape }),
    } as const
    return createObject(budget, value, 256 + 48 * fields.size)
  },
}

function isToken(value: PickleValue, className: string): boolean {
  if (!isNode(value) || value.kind !== 'object') return false
  return value.value.kind === 'token' && value.value.className === className
}

function tensorClass([name, [data, attributes]]: [string, readonly [string, string]]): Global {
  return { name, meaning: { kind: 'tensor-class', data: words(data), attributes: words(attributes) } }
}

/** Created empty, filled by BUILD. */
function dataclass([name, fields]: [string, string]): Global {
  const meaning = { kind: 'class', fields: words(fields) } as const
  return {
    name,
    meaning,
    create(args, { refuse, budget }) {
      readArguments(name, args, [0, 0], refuse)
      const value = {
        kind: 'object',
        className: name,
        knownFields: meaning.fields,
        fields: undefined,
      } as const
      return createObject(budget, { ...value, presents: undefined })
    },
  }
}

/** A named tuple: all fields are arguments. */
const float8MmConfig: Global = {
  name: 'torchao.float8.inference.Float8MMConfig',
  meaning: { kind: 'class', fields: ['emulate', 'use_fast_accum', 'pad_inner_dim'] },
  create(tuple, { refuse, budget }) {
    const args = readArguments(float8MmConfig.name, tuple, [3, 3], refuse)
    const knownFields = ['emulate', 'use_fast_accum', 'pad_inner_dim']
    const fields = new Map(knownFields.map((field, index) => [field, args.flag(index)]))
    const value = { kind: 'object', className: float8MmConfig.name, knownFields, fields } as const
    return createObject(budget, { ...value, presents: undefined })
  },
}

const shown = (value: PickleValue): string => (typeof value === 'string' ? quote(value) : describe(value))

/** A member by its value: `MappingType(1)`. By its name it comes through `getattr`. */
function enumeration([name, members]: [string, Readonly<Record<string, string | number>>]): Global {
  const meaning: GlobalMeaning = { kind: 'enum', members: new Map(Object.entries(members)) }
  return {
    name,
    meaning,
    call(tuple, { refuse, budget }) {
      const args = readArguments(name, tuple, [1, 1], refuse)
      const [member, value] =
        Object.entries(members).find(([, value]) => value === args.at(0)) ??
        args.fail(`${shown(args.at(0))}, which is no value of it`)
      return createObject(budget, { kind: 'enum', className: name, member, value })
    },
  }
}

/** `getattr(Enum, "MEMBER")`, as Python 3.11 writes it, for listed enums and members only. */
function getattrNamed(name: string): Global {
  return {
    name,
    meaning: { kind: 'call' },
    call(tuple, { refuse, budget }) {
      const args = readArguments(name, tuple, [2, 2], refuse)
      const { name: className, meaning } = args.global(0).global
      if (meaning.kind !== 'enum') return args.fail(`${className}, which is no listed enum`)
      const member = args.text(1)
      const value =
        meaning.members.get(member) ?? args.fail(`${shown(member)}, which is no member of ${className}`)
      return createObject(budget, { kind: 'enum', className, member, value })
    },
  }
}

/** The names of torchao that occur in quantized state dicts, and those that exist only for them. */
export const torchaoNames: readonly Global[] = [
  rebuildFromType,
  rebuildWrapperSubclass,
  getattrNamed('__builtin__.getattr'),
  getattrNamed('builtins.getattr'),
  float8MmConfig,
  ...Object.entries(tensorClasses).map(tensorClass),
  ...Object.entries(dataclasses).map(dataclass),
  ...Object.entries(enums).map(enumeration),
  ...functions.map(
    (name): Global => ({ name: `${QUANTIZATION}.quant_api.${name}`, meaning: { kind: 'function' } }),
  ),
]
