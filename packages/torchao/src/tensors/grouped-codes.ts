import type {
  Component,
  ComponentRows,
  FloatDtype,
  FloatRows,
  QuantizedFormat,
  WeightInfo,
} from '@hfquant/core'
import { reference, runKernel } from '@hfquant/kernels'
import { lowerMatMulNBits, type MatMulNBitsWeight, matMulNBitsBlock } from '../lower/mat-mul-n-bits.js'
import { componentKey } from './torchao-format.js'

export const QDATA = componentKey('qdata')
export const SCALE = componentKey('scale')
export const ZERO_POINT = componentKey('zero_point')

/**
 * Codes with a scale, and perhaps a zero point, for each group of consecutive weights of a row:
 * qdata int8 [N, K], scale [N, K / groupSize], zero_point int8 of the same shape; w' = (code - zero) * scale.
 */
export interface GroupedCodes {
  readonly inFeatures: number
  /** Divides `inFeatures`. */
  readonly groupSize: number
  /** Codes lie in -2^(bits-1) .. 2^(bits-1)-1. */
  readonly bits: number
  readonly scaleDtype: FloatDtype
  /** 'zeros': stored, and all 0. */
  readonly zeroPoint: 'absent' | 'zeros' | 'values'
}

/** Storage, reconstruction and product of grouped codes; how the codes are made belongs to the tensor class. */
export function groupedCodes(
  codes: GroupedCodes,
): Pick<QuantizedFormat, 'components' | 'dequantize' | 'dequantizeKernel' | 'lower'> {
  const { inFeatures, groupSize, scaleDtype, zeroPoint } = codes
  const groups = inFeatures / groupSize
  const keys = zeroPoint === 'absent' ? [QDATA, SCALE] : [QDATA, SCALE, ZERO_POINT]
  const packed: MatMulNBitsWeight = { ...codes, qdata: QDATA, scale: SCALE, zeros: ZERO_POINT }
  return {
    components: ({ outFeatures }): readonly Component[] => [
      { key: QDATA, dtype: 'int8', shape: [outFeatures, inFeatures] },
      { key: SCALE, dtype: scaleDtype, shape: [outFeatures, groups] },
      ...(zeroPoint === 'absent'
        ? []
        : [{ key: ZERO_POINT, dtype: 'int8' as const, shape: [outFeatures, groups] }]),
    ],
    dequantize(stored, out) {
      const values = new Float32Array(out.count * inFeatures)
      const params = {
        rows: out.count,
        columns: inFeatures,
        groupSize,
        scaleDtype,
        dtype: 'float32' as const,
      }
      reference.dequantizeRows(
        params,
        keys.map((key) => stored.bytes(key)),
        [new Uint8Array(values.buffer)],
      )
      for (let row = 0; row < out.count; row++) {
        out.at(row).set(values.subarray(row * inFeatures, (row + 1) * inFeatures))
      }
    },
    dequantizeKernel: () => ({
      kernel: 'dequantizeRows',
      params: { groupSize, scaleDtype },
      components: keys,
    }),
    ...(matMulNBitsBlock(groupSize, inFeatures) === undefined
      ? {}
      : { lower: (graph, layer) => lowerMatMulNBits(graph, layer, packed) }),
  }
}

/** The rows in the dtype that the weight is quantized from, as a kernel takes them: [count, inFeatures]. */
export function rowBytes(rows: FloatRows, { inFeatures, dtype }: WeightInfo): Uint8Array {
  const values = new Float32Array(rows.count * inFeatures)
  for (let row = 0; row < rows.count; row++) values.set(rows.at(row), row * inFeatures)
  const bytes = new Uint8Array(values.buffer)
  if (dtype === 'float32') return bytes
  const narrow = new Uint8Array(values.length * 2)
  runKernel('cast', { from: 'float32', to: dtype }, [bytes], [narrow])
  return narrow
}

/** Where a kernel that makes codes, scales and zero points writes them. */
export const outputBytes = (out: ComponentRows): readonly Uint8Array[] =>
  [QDATA, SCALE, ZERO_POINT].map((key) => out.bytes(key))
