/** How codes of groups lie in bytes. */
export interface Slabs {
  readonly bits: number
  readonly groupSize: number
  /** Rows of bytes, and of a slab. */
  readonly height: number
}

/** Rows of bytes that hold so many groups. */
export const slabHeight = (groups: number, bits: number): number => Math.ceil((groups * bits) / 8)

/** The codes of some groups [count, g], one a byte. */
export function unpackGroups(
  bytes: Uint8Array,
  first: number,
  out: Uint8Array,
  { bits, groupSize, height }: Slabs,
): void {
  const mask = 2 ** bits - 1
  for (let group = first, at = 0; at < out.length; group++) {
    const shift = bits * Math.floor(group / height)
    const start = (group % height) * groupSize
    for (let column = 0; column < groupSize; column++, at++)
      out[at] = (bytes[start + column]! >> shift) & mask
  }
}

/** Codes of all groups [R, g], one a byte, into zeroed bytes; what lies beyond the last group stays 0. */
export function packGroups(codes: Uint8Array, out: Uint8Array, { bits, groupSize, height }: Slabs): void {
  for (let at = 0; at < codes.length; at++) {
    const group = Math.floor(at / groupSize)
    const byte = (group % height) * groupSize + (at % groupSize)
    out[byte]! |= codes[at]! << (bits * Math.floor(group / height))
  }
}
