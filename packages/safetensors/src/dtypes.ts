/**
 * Every dtype of the format with its bits per element, in the order of the reference library's `Dtype`
 * (safetensors 0.8). That order is by alignment, and the writer sorts by it, largest first.
 */
const bitsByDtype = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const

/** A dtype as the header spells it. */
export type SafetensorsDtype = keyof typeof bitsByDtype

/** All dtypes, in the order of the reference library, smallest alignment first. */
export const safetensorsDtypes: readonly SafetensorsDtype[] = Object.freeze(
  Object.keys(bitsByDtype) as SafetensorsDtype[],
)

const ranks: ReadonlyMap<string, number> = new Map(safetensorsDtypes.map((dtype, rank) => [dtype, rank]))

/** Bits of one element: 4 and 6 for the packed floats, 8 to 64 for all others. */
export function dtypeBits(dtype: SafetensorsDtype): number {
  return bitsByDtype[dtype]
}

/** Position in the order that the writer sorts by, larger first. */
export function dtypeRank(dtype: SafetensorsDtype): number {
  return ranks.get(dtype)!
}

/** Whether a text from a file or a caller names a dtype of the format. */
export function isSafetensorsDtype(text: unknown): text is SafetensorsDtype {
  return typeof text === 'string' && ranks.has(text)
}
