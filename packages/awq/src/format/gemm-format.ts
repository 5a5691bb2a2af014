import type { ComponentRows, FloatDtype, IntegerCodes, QuantizedFormat, WeightInfo } from '@hfquant/core'
import { castFloats, runKernel } from '@hfquant/kernels'
import { awqFormat } from './awq-format.js'
import { type AwqLayout, CODES_IN_WORD, groupCount } from './layout.js'
import { packGemm } from './pack-gemm.js'

/** The arrangement gemm of a weight, as all weights are written. */
export function gemmFormat(
  { outFeatures: rows, inFeatures: columns }: WeightInfo,
  groupSize: number,
  scaleDtype: FloatDtype,
): QuantizedFormat {
  const groups = groupCount(columns, groupSize)
  const layout: AwqLayout = {
    ...{ arrangement: 'gemm', groupSize, scaleDtype, zeroKey: 'qzeros' },
    ...{ symmetric: false, hasFractions: false },
  }
  const words = rows / CODES_IN_WORD
  return awqFormat({
    layout,
    components: [
      { key: 'qweight', dtype: 'int32', shape: [columns, words], layout: 'columns' },
      { key: 'qzeros', dtype: 'int32', shape: [groups, words], layout: 'columns' },
      { key: 'scales', dtype: scaleDtype, shape: [groups, rows], layout: 'columns' },
    ],
  })
}

/** Packs some rows, a multiple of eight: into their columns of the components. */
export function packRows(
  { codes, scales, zeros }: IntegerCodes,
  rows: number,
  out: ComponentRows,
  scaleDtype: FloatDtype,
): void {
  packGemm(codes, rows, out.int32('qweight'))
  packGemm(zeros, rows, out.int32('qzeros'))
  const cast = castFloats(bytesOf(scales), 'float32', scaleDtype)
  const params = { dtype: scaleDtype, rows, columns: scales.length / rows }
  runKernel('transposeFloats', params, [cast], [out.bytes('scales')])
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
