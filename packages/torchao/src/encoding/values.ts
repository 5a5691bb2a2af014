/**
 * What torchao writes into JSON, decoded: plain values, dtypes, members of enumerations and objects with fields. Names
 * are looked up in the tables below and nowhere else.
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | DtypeValue
  | EnumValue
  | ObjectValue
  | MapValue

/** `torch.bfloat16`, `torch.int4`. */
export interface DtypeValue {
  readonly kind: 'dtype'
  readonly name: TorchDtype
}

/** `MappingType.SYMMETRIC`. */
export interface EnumValue {
  readonly kind: 'enum'
  readonly type: string
  readonly member: string
}

/** An instance of a config class, a dataclass or a tensor class. */
export interface ObjectValue {
  readonly kind: 'object'
  readonly type: string
  /** `_version`; 1 when the JSON does not say. */
  readonly version: number
  readonly fields: Fields
}

/** A plain dictionary with keys of any kind. */
export interface MapValue {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, Value>
}

export type Fields = Readonly<Record<string, Value>>

export const TORCH_DTYPES = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'float8_e4m3fn',
  'float8_e4m3fnuz',
  'float8_e5m2',
  'float8_e5m2fnuz',
  'float8_e8m0fnu',
  'int1',
  'int2',
  'int3',
  'int4',
  'int5',
  'int6',
  'int7',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint1',
  'uint2',
  'uint3',
  'uint4',
  'uint5',
  'uint6',
  'uint7',
  'uint8',
  'bool',
] as const

export type TorchDtype = (typeof TORCH_DTYPES)[number]

/** Members by enumeration. */
export const ENUMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['MappingType', ['SYMMETRIC', 'SYMMETRIC_NO_CLIPPING_ERR', 'ASYMMETRIC']],
  [
    'IntxPackingFormat',
    [
      'UNPACKED_TO_INT8',
      'OPAQUE_ATEN_KLEIDIAI',
      'OPAQUE_TORCHAO_AUTO',
      'OPAQUE_TORCHAO_KLEIDIAI',
      'OPAQUE_TORCHAO_LOWBIT',
    ],
  ],
  ['IntxChooseQParamsAlgorithm', ['AFFINE', 'HQQ_SCALE_ONLY']],
  ['Int4PackingFormat', ['PLAIN', 'PLAIN_INT32', 'TILE_PACKED_TO_4D', 'PRESHUFFLED']],
  ['Int4ChooseQParamsAlgorithm', ['TINYGEMM', 'HQQ']],
  ['Float8PackingFormat', ['PLAIN', 'SPARSE_CUTLASS', 'OPAQUE']],
  ['KernelPreference', ['AUTO', 'TORCH', 'MSLK', 'FBGEMM', 'EMULATED', 'TRITON']],
  ['ZeroPointDomain', ['INT', 'FLOAT', 'NONE']],
])

/** Classes that may stand inside of a config or of a tensor's document, with their fields. */
export const OBJECTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['PerTensor', []],
  ['PerRow', ['dim']],
  ['PerAxis', ['axis']],
  ['PerGroup', ['group_size']],
  ['PerBlock', ['block_size']],
  ['PlainLayout', []],
  ['QDQLayout', []],
  ['TensorCoreTiledLayout', ['inner_k_tiles']],
  ['Int4CPULayout', []],
  ['Float8MMConfig', ['emulate', 'use_fast_accum', 'pad_inner_dim']],
  [
    'QuantizeTensorToFloat8Kwargs',
    ['float8_dtype', 'granularity', 'mm_config', 'hp_value_lb', 'hp_value_ub', 'kernel_preference'],
  ],
  ['QuantizeTensorToInt8Kwargs', ['granularity', 'mapping_type', 'reduce_range']],
])

export const dtypeValue = (name: TorchDtype): DtypeValue => ({ kind: 'dtype', name })

export const enumValue = (type: string, member: string): EnumValue => ({ kind: 'enum', type, member })

export const objectValue = (type: string, fields: Fields, version = 1): ObjectValue => ({
  kind: 'object',
  type,
  version,
  fields,
})

export const mapValue = (entries: ReadonlyMap<string, Value>): MapValue => ({ kind: 'map', entries })

/** Tells decoded objects, dtypes and members apart from lists and plain values. */
export const isTagged = (
  value: Value | undefined,
): value is DtypeValue | EnumValue | ObjectValue | MapValue =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
