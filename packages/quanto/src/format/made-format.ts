import {
  bfloat16ToFloat32,
  type Component,
  type ComponentRows,
  eachGroup,
  type FloatDtype,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  type QuantizedFormat,
  roundHalfToEven,
  toE4m3,
  type WeightInfo,
} from '@hfquant/core'
import { BYTE_TYPES, type ByteType, isPacked, PACKED_TYPES, type PackedType } from '../config/types.js'
import { byteFormat } from './byte-format.js'
import { ACTIVATION_SCALES, CODES, PACKED_CODES, SCALE, SHIFT } from './layout.js'
import { packedFormat } from './packed-format.js'
import { packGroups, slabHeight } from './packing.js'

/** Types of weights that are made. */
export type MadeType = 'qint8' | 'qfloat8_e4m3fn' | PackedType

/**
 * A weight that is quantized while it loads, to the bytes of optimum-quanto: every step is rounded to the dtype of the weight,
 * as every operation of PyTorch is.
 */
export const madeFormat = (weight: WeightInfo, type: MadeType): QuantizedFormat =>
  isPacked(type) ? madePacked(weight, type) : madeBytes(weight, type)

/** Nobody has calibrated them; the library does not load a file without them. */
const activationScales = (dtype: FloatDtype): readonly Component[] =>
  ACTIVATION_SCALES.map((key) => ({ key, dtype, shape: [], layout: 'whole' }))

const LARGEST = { qint8: 127, qfloat8_e4m3fn: 448 } as const

function madeBytes(
  { outFeatures, inFeatures, dtype }: WeightInfo,
  type: ByteType & MadeType,
): QuantizedFormat {
  const floats = FLOATS[dtype]
  const format = byteFormat({
    ...{ type, scaleDtype: dtype },
    components: [
      { key: CODES, dtype: BYTE_TYPES[type], shape: [outFeatures, inFeatures] },
      { key: SCALE, dtype, shape: [outFeatures, 1] },
      ...activationScales(dtype),
    ],
  })
  return {
    ...format,
    quantize(rows, out) {
      const codes = out.bytes(CODES)
      for (let row = 0; row < rows.count; row++) {
        const values = rows.at(row)
        const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        const scale = floats.round(largest / LARGEST[type])
        floats.write(out, SCALE, row, scale)
        if (scale === 0) continue
        for (let column = 0; column < inFeatures; column++) {
          const quotient = floats.round(values[column]! / scale)
          codes[row * inFeatures + column] = type === 'qint8' ? clamp(quotient, -128, 127) : toE4m3(quotient)
        }
      }
    },
    finish: (parts) => writeActivationScales(parts, dtype),
  }
}

/** Codes before they are packed; not stored. */
const UNPACKED = 'codes'

function madePacked({ outFeatures, inFeatures, dtype }: WeightInfo, type: PackedType): QuantizedFormat {
  const groupSize = groupSizeFor(inFeatures)
  const bits = PACKED_TYPES[type]
  const groups = (outFeatures * inFeatures) / groupSize
  const [floats, last] = [FLOATS[dtype], 2 ** bits - 1]
  const slabs = { bits, groupSize, height: slabHeight(groups, bits) }
  const format = packedFormat({
    ...{ type, groupSize, scaleDtype: dtype, shiftDtype: dtype },
    components: [
      { key: PACKED_CODES, dtype: 'uint8', shape: [slabs.height, groupSize], layout: 'whole' },
      { key: SCALE, dtype, shape: [groups, 1] },
      { key: SHIFT, dtype, shape: [groups, 1] },
      ...activationScales(dtype),
    ],
  })
  return {
    ...format,
    scratch: () => [{ key: UNPACKED, dtype: 'uint8', shape: [outFeatures, inFeatures] }],
    quantize(rows, out) {
      const codes = out.uint8(UNPACKED)
      eachGroup(rows, groupSize, (values, group) => {
        const [least, most] = [
          values.reduce((a, b) => Math.min(a, b)),
          values.reduce((a, b) => Math.max(a, b)),
        ]
        const scale = floats.round(floats.round(most - least) / last)
        floats.write(out, SCALE, group, scale)
        floats.write(out, SHIFT, group, -least)
        if (scale === 0) return
        for (let i = 0; i < groupSize; i++) {
          const quotient = floats.round(floats.round(values[i]! - least) / scale)
          codes[group * groupSize + i] = clamp(quotient, 0, last)
        }
      })
    },
    finish(parts) {
      packGroups(parts.uint8(UNPACKED), parts.uint8(PACKED_CODES), slabs)
      return writeActivationScales(parts, dtype)
    },
  }
}

/** Long rows are cut into groups of the first size that divides them. */
const groupSizeFor = (inFeatures: number): number =>
  (inFeatures > 128 ? [128, 96, 64, 32].find((size) => inFeatures % size === 0) : undefined) ?? inFeatures

const clamp = (quotient: number, least: number, most: number): number =>
  Math.min(Math.max(roundHalfToEven(quotient), least), most)

function writeActivationScales(parts: ComponentRows, dtype: FloatDtype): undefined {
  for (const key of ACTIVATION_SCALES) FLOATS[dtype].write(parts, key, 0, 1)
}

interface Floats {
  /** What PyTorch does to the result of every single operation. */
  round(value: number): number
  write(out: ComponentRows, key: string, at: number, value: number): void
}

const halves = (toBits: (value: number) => number, toFloat: (bits: number) => number): Floats => ({
  round: (value) => toFloat(toBits(value)),
  write(out, key, at, value) {
    out.uint16(key)[at] = toBits(value)
  },
})

const FLOATS: Readonly<Record<FloatDtype, Floats>> = {
  float32: {
    round: Math.fround,
    write(out, key, at, value) {
      out.float32(key)[at] = value
    },
  },
  bfloat16: halves(float32ToBfloat16, bfloat16ToFloat32),
  float16: halves(float32ToFloat16, float16ToFloat32),
}
