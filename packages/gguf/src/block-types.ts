/** How numbers are stored: `ggml_type`, values of a block, bytes of a block. Blocks lie along the innermost dimension. */
const BLOCK_TYPES = {
  F32: { id: 0, values: 1, bytes: 4 },
  F16: { id: 1, values: 1, bytes: 2 },
  Q4_0: { id: 2, values: 32, bytes: 18 },
  Q4_1: { id: 3, values: 32, bytes: 20 },
  Q5_0: { id: 6, values: 32, bytes: 22 },
  Q5_1: { id: 7, values: 32, bytes: 24 },
  Q8_0: { id: 8, values: 32, bytes: 34 },
  Q2_K: { id: 10, values: 256, bytes: 84 },
  Q3_K: { id: 11, values: 256, bytes: 110 },
  Q4_K: { id: 12, values: 256, bytes: 144 },
  Q5_K: { id: 13, values: 256, bytes: 176 },
  Q6_K: { id: 14, values: 256, bytes: 210 },
  IQ4_NL: { id: 20, values: 32, bytes: 18 },
  IQ4_XS: { id: 23, values: 256, bytes: 136 },
  BF16: { id: 30, values: 1, bytes: 2 },
  MXFP4: { id: 39, values: 32, bytes: 17 },
} as const

/** The types of tensors that are read. */
export type GgufBlockType = keyof typeof BLOCK_TYPES

export const ggufBlockTypes = Object.keys(BLOCK_TYPES) as GgufBlockType[]

/** Values of one block; 1 for the plain floats. */
export function blockValues(type: GgufBlockType): number {
  return BLOCK_TYPES[type].values
}

/** Bytes of one block. */
export function blockBytes(type: GgufBlockType): number {
  return BLOCK_TYPES[type].bytes
}

/** `ggml_type` */
export function blockTypeId(type: GgufBlockType): number {
  return BLOCK_TYPES[type].id
}

const BY_ID = new Map(ggufBlockTypes.map((type) => [BLOCK_TYPES[type].id as number, type]))

/** The type of a `ggml_type`; undefined for one that is not read. */
export function blockTypeOf(id: number): GgufBlockType | undefined {
  return BY_ID.get(id)
}

/** What llama.cpp calls the types that are not read, so that a refusal can name them. */
const UNREAD_TYPES: Readonly<Record<number, string>> = {
  4: 'Q4_2 (removed)',
  5: 'Q4_3 (removed)',
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  31: 'Q4_0_4_4 (removed)',
  32: 'Q4_0_4_8 (removed)',
  33: 'Q4_0_8_8 (removed)',
  34: 'TQ1_0',
  35: 'TQ2_0',
  36: 'IQ4_NL_4_4 (removed)',
  37: 'IQ4_NL_4_8 (removed)',
  38: 'IQ4_NL_8_8 (removed)',
  40: 'NVFP4',
  41: 'Q1_0',
}

/** Names a `ggml_type` that is not read. */
export function unreadTypeName(id: number): string {
  return UNREAD_TYPES[id] ?? `number ${id}, which this package does not know`
}
