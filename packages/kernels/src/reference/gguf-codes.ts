import type { KernelResult } from '../kernel.js'
import { viewOf } from './float-access.js'
import { roundHalfToEven } from './float-formats.js'
import { bitsOf, fiveBits, half, nibble, sixBits, sixBitsOfLeast, sixBitsOfQ3 } from './gguf-fields.js'

/** A type of GGUF blocks whose integers become codes of the runtime's `MatMulNBits`. */
interface CodedType {
  readonly blockValues: number
  readonly blockBytes: number
  /** Of a code. */
  readonly bits: 4 | 8
  /** Values that share a scale in the block. */
  readonly groupSize: number
  /** Groups that are given one scale, and what the integers of the one with the largest are multiplied by. */
  readonly joined?: { readonly groups: number; readonly headroom: number }
  scaleOf(block: DataView, group: number): number
  /** What is taken off the products of a group. */
  leastOf?(block: DataView, group: number): number
  /** Around zero: those of types with a least value have the middle of their range taken off. */
  integerOf(block: DataView, index: number): number
}

const BLOCK = { blockValues: 32, groupSize: 32 } as const
const K_BLOCK = { blockValues: 256 } as const

/** ggml's `kvalues_iq4nl`. */
const IQ4_VALUES = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

/** Twice an E2M1 value. Code 8 is 0 and not −0, as ggml has it. */
const TWICE_E2M1 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

/** One of 32 nibbles, the low ones of the first half. */
const nibbleOf = (block: DataView, at: number, index: number): number =>
  bitsOf(block, at + (index & 15), 4 * (index >> 4), 4)

const firstHalf = (block: DataView): number => half(block, 0)

const Q6_K = {
  ...{ ...K_BLOCK, blockBytes: 210, bits: 8, groupSize: 16 },
  scaleOf: (block, group) => Math.fround(half(block, 208) * block.getInt8(192 + group)),
  integerOf(block, index) {
    const low = bitsOf(block, 64 * (index >> 7) + (index & 63), 4 * ((index >> 6) & 1), 4)
    return (
      (low | (bitsOf(block, 128 + 32 * (index >> 7) + (index & 31), 2 * ((index >> 5) & 3), 2) << 4)) - 32
    )
  },
} as const satisfies CodedType

/** By the type of GGUF; with /4, four of its groups are joined. */
export const GGUF_CODED_TYPES = {
  Q8_0: {
    ...{ ...BLOCK, blockBytes: 34, bits: 8, scaleOf: firstHalf },
    integerOf: (block, index) => block.getInt8(2 + index),
  },
  Q4_0: {
    ...{ ...BLOCK, blockBytes: 18, bits: 4, scaleOf: firstHalf },
    integerOf: (block, index) => nibbleOf(block, 2, index) - 8,
  },
  Q4_1: {
    ...{ ...BLOCK, blockBytes: 20, bits: 4, scaleOf: firstHalf },
    leastOf: (block) => -half(block, 2),
    integerOf: (block, index) => nibbleOf(block, 4, index) - 8,
  },
  Q5_0: {
    ...{ ...BLOCK, blockBytes: 22, bits: 8, scaleOf: firstHalf },
    integerOf: (block, index) => fiveBits(block, 2, 6, index) - 16,
  },
  IQ4_NL: {
    ...{ ...BLOCK, blockBytes: 18, bits: 8, scaleOf: firstHalf },
    integerOf: (block, index) => IQ4_VALUES[nibbleOf(block, 2, index)]!,
  },
  MXFP4: {
    ...{ ...BLOCK, blockBytes: 17, bits: 8 },
    // The half that the table has too much is in the exponent.
    scaleOf: (block) => 2 ** (block.getUint8(0) - 128),
    integerOf: (block, index) => TWICE_E2M1[nibbleOf(block, 1, index)]!,
  },
  IQ4_XS: {
    ...{ ...K_BLOCK, blockBytes: 136, bits: 8, groupSize: 32 },
    scaleOf(block, group) {
      const low = bitsOf(block, 4 + (group >> 1), 4 * (group & 1), 4)
      const high = bitsOf(block, 2 + (group >> 2), 2 * (group & 3), 2)
      return Math.fround(half(block, 0) * ((low | (high << 4)) - 32))
    },
    integerOf: (block, index) => IQ4_VALUES[nibbleOf(block, 8 + 16 * (index >> 5), index & 31)]!,
  },
  Q3_K: {
    ...{ ...K_BLOCK, blockBytes: 110, bits: 4, groupSize: 16 },
    scaleOf: (block, group) => Math.fround(half(block, 108) * (sixBitsOfQ3(block, group) - 32)),
    integerOf(block, index) {
      const low = bitsOf(block, 32 + 32 * (index >> 7) + (index & 31), 2 * ((index >> 5) & 3), 2)
      return (low | (bitsOf(block, index & 31, index >> 5, 1) << 2)) - 4
    },
  },
  Q4_K: {
    ...{ ...K_BLOCK, blockBytes: 144, bits: 4, groupSize: 32 },
    scaleOf: (block, group) => Math.fround(half(block, 0) * sixBits(block, group)),
    leastOf: (block, group) => Math.fround(half(block, 2) * sixBitsOfLeast(block, group)),
    integerOf: (block, index) => nibble(block, 16, index) - 8,
  },
  Q6_K,
  'Q6_K/4': { ...Q6_K, joined: { groups: 4, headroom: 4 } },
} as const satisfies Readonly<Record<string, CodedType>>

export type GgufCodedType = keyof typeof GGUF_CODED_TYPES

export interface GgufCodesParams {
  readonly type: GgufCodedType
  readonly rows: number
  /** A multiple of the values of a block. */
  readonly columns: number
  /** Codes, or the scales that belong to them; of types with least values also what is added to products. */
  readonly part: 'codes' | 'scales' | 'offsets'
}

export const hasOffsets = (type: GgufCodedType): boolean => 'leastOf' in GGUF_CODED_TYPES[type]

/** Columns of a block of `MatMulNBits`. */
export function ggufCodeBlock(type: GgufCodedType): number {
  const { groupSize, joined }: CodedType = GGUF_CODED_TYPES[type]
  return groupSize * (joined?.groups ?? 1)
}

/**
 * Blocks as ONNX Runtime's MatMulNBits reads them: blocks [rows, columns / blockValues] -> codes uint8, integer + 8 with two
 * neighbours a byte, or integer + 128; or scales float32 [rows, columns / ggufCodeBlock(type)]; or as many offsets: a value is
 * scale · integer − least, which is scale · (code − 8) + offset.
 *
 * Groups that are joined have one scale, the largest of theirs over the headroom, and integers times the ratio of the
 * own scale to it, rounded half to even and kept below 128. Every step is rounded to float32. Scales and offsets that
 * are no numbers are counted.
 */
export function ggufCodes(
  { type, rows, columns, part }: GgufCodesParams,
  [blocks]: readonly Uint8Array[],
  [output]: readonly Uint8Array[],
): KernelResult {
  const coded: CodedType = GGUF_CODED_TYPES[type]
  const count = (rows * columns) / coded.blockValues
  const codeBytes = (coded.blockValues * coded.bits) / 8
  const scalesInBlock = coded.blockValues / ggufCodeBlock(type)
  const numbers = viewOf(output!)
  let nonFinite = 0
  for (let at = 0; at < count; at++) {
    const block = viewOf(blocks!.subarray(at * coded.blockBytes, (at + 1) * coded.blockBytes))
    if (part === 'codes') {
      writeCodes(coded, block, output!.subarray(at * codeBytes, (at + 1) * codeBytes))
      continue
    }
    for (let own = 0; own < scalesInBlock; own++) {
      const number = part === 'scales' ? joinedScale(coded, block, own) : offsetOf(coded, block, own)
      numbers.setFloat32((at * scalesInBlock + own) * 4, number, true)
      if (!Number.isFinite(number)) nonFinite++
    }
  }
  return { nonFinite }
}

/** The middle of four bits has been taken off the integers. */
const offsetOf = (coded: CodedType, block: DataView, group: number): number =>
  Math.fround(8 * coded.scaleOf(block, group) - coded.leastOf!(block, group))

function joinedScale(coded: CodedType, block: DataView, own: number): number {
  const { groups, headroom } = coded.joined ?? { groups: 1, headroom: 1 }
  const scales = Array.from({ length: groups }, (_, at) => coded.scaleOf(block, own * groups + at))
  if (coded.joined === undefined) return scales[0]!
  const widest = scales.reduce((most, scale) => (Math.abs(most) >= Math.abs(scale) ? most : scale), 0)
  return Math.fround(widest / headroom)
}

function writeCodes(coded: CodedType, block: DataView, codes: Uint8Array): void {
  for (let index = 0; index < coded.blockValues; index++) {
    const integer = joinedInteger(coded, block, index)
    if (coded.bits === 8) codes[index] = integer + 128
    else if (index % 2 === 0) codes[index >> 1] = integer + 8
    else codes[index >> 1]! |= (integer + 8) << 4
  }
}

function joinedInteger(coded: CodedType, block: DataView, index: number): number {
  const integer = coded.integerOf(block, index)
  if (coded.joined === undefined) return integer
  const group = Math.floor(index / coded.groupSize)
  const joined = joinedScale(coded, block, Math.floor(group / coded.joined.groups))
  const ratio = joined === 0 ? 0 : Math.fround(coded.scaleOf(block, group) / joined)
  const code = Math.min(roundHalfToEven(Math.fround(integer * ratio)), 127)
  // Codes of a block that is refused are those of zeros.
  return Number.isNaN(code) ? 0 : code
}
