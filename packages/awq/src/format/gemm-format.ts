import {
  type ComponentRows,
  type FloatDtype,
  float32ToFloat16,
  type IntegerCodes,
  type QuantizedFormat,
  type WeightInfo,
} from '@hfquant/core'
import { narrowFloats, runKernel } from '@hfquant/kernels'
import { awqFormat } from './awq-format.js'
import { ACT_SCALES, type AwqLayout, CODES_IN_WORD, groupCount } from './layout.js'
import { packGemm } from './pack-gemm.js'

/** What the tensors of a weight are. */
export interface GemmOptions {
  readonly groupSize: number
  readonly scaleDtype: FloatDtype
  /** True where readers look for scales of the activation function before the weight: all of them are 1. */
  readonly scalesActivation: boolean
}

/** The arrangement gemm of a weight, as all weights are written. */
export function gemmFormat(
  { outFeatures: rows, inFeatures: columns }: WeightInfo,
  { groupSize, scaleDtype, scalesActivation }: GemmOptions,
): QuantizedFormat {
  const groups = groupCount(columns, groupSize)
  const layout: AwqLayout = {
    ...{ arrangement: 'gemm', groupSize, scaleDtype, zeroKey: 'qzeros' },
    ...{ symmetric: false, hasFractions: false, actScaleDtype: undefined },
  }
  const words = rows / CODES_IN_WORD
  return awqFormat({
    layout,
    components: [
      { key: 'qweight', dtype: 'int32', shape: [columns, words], layout: 'columns' },
      { key: 'qzeros', dtype: 'int32', shape: [groups, words], layout: 'columns' },
      { key: 'scales', dtype: scaleDtype, shape: [groups, rows], layout: 'columns' },
      ...(scalesActivation
        ? [{ key: ACT_SCALES, dtype: 'float16', shape: [columns], layout: 'whole' } as const]
        : []),
    ],
  })
}

/** Packs some rows, a multiple of eight: into their columns of the components. */
export function packRows(
  { codes, scales, zeros }: IntegerCodes,
  rows: number,
  out: ComponentRows,
  { scaleDtype, scalesActivation }: Omit<GemmOptions, 'groupSize'>,
): void {
  if (scalesActivation) out.uint16(ACT_SCALES).fill(float32ToFloat16(1))
  packGemm(codes, rows, out.int32('qweight'))
  packGemm(zeros, rows, out.int32('qzeros'))
  const params = { dtype: scaleDtype, rows, columns: scales.length / rows }
  runKernel('transposeFloats', params, [narrowFloats(scales, scaleDtype)], [out.bytes('scales')])
}
