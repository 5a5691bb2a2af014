import type { Component, FloatDtype } from '@hfquant/core'
import type { ByteType, PackedType } from '../config/types.js'

/** One code a byte [N, K]. */
export const CODES = 'weight._data'
/** uint8 [ceil(R / codes of a byte), g]: groups of g columns as R rows, cut into slabs. The first slab is in the lowest bits. */
export const PACKED_CODES = 'weight._data._data'
/** Of a row [N, 1], or of a group [R, 1]. */
export const SCALE = 'weight._scale'
/** What is taken from the product of scale and code: a float, or a code [R, 1]. */
export const SHIFT = 'weight._shift'

/** Of all inputs of a layer, and of all of its outputs; 1 where they were not calibrated. */
export const INPUT_SCALE = 'input_scale'
export const ACTIVATION_SCALES = [INPUT_SCALE, 'output_scale'] as const

/** w = scale · code. */
export interface ByteLayout {
  readonly type: ByteType
  readonly scaleDtype: FloatDtype
  /** Dtype of the scale that inputs are quantized with; undefined where they are not. */
  readonly inputScale?: FloatDtype | undefined
  readonly components: readonly Component[]
}

/** w = scale · code − shift; w = scale · (code − shift) where shifts are whole numbers. */
export interface PackedLayout {
  readonly type: PackedType
  /** Columns that share a scale; divides those of a row. */
  readonly groupSize: number
  readonly scaleDtype: FloatDtype
  readonly shiftDtype: FloatDtype | 'int8' | 'uint8'
  readonly components: readonly Component[]
}
