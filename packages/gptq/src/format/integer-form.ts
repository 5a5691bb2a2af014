import { type FloatDtype, type IntegerForm, type Skip, skip, type WeightInfo } from '@hfquant/core'
import { runKernel, widenFloats } from '@hfquant/kernels'
import { int32s } from './int32s.js'
import { type GptqLayout, groupCount } from './layout.js'
import { unpackZeroPoints } from './zero-points.js'

/**
 * A stored weight as integers; or why it is more than that.
 *
 * @param bias dtype of a bias that the architecture does not have.
 */
export function integerForm(
  { inFeatures }: WeightInfo,
  layout: GptqLayout,
  bias: FloatDtype | undefined,
): IntegerForm | Skip {
  const { bits, groupSize, scaleDtype, symmetric, zeroPoints, order } = layout
  if (order !== undefined) return skip('has groups of scattered columns (desc_act)')
  if (bias !== undefined) return skip('has a bias that the architecture does not have')
  return {
    grid: { bits, groupSize: Math.min(groupSize, inFeatures), scaleDtype, symmetric },
    unpack(stored, { outFeatures: rows, inFeatures: columns }) {
      const groups = groupCount(columns, groupSize)
      const codes = new Uint8Array(rows * columns)
      const params = { bits, totalRows: rows, columns, first: 0, rows, rowBytes: columns, subtract: 0 }
      runKernel('unpackColumns', params, [stored.bytes('qweight')], [codes])
      const shape = { rows: groups, columns: rows }
      const columnScales = stored.bytes('scales')
      const rowScales = new Uint8Array(columnScales.byteLength)
      runKernel('transposeFloats', { ...shape, dtype: scaleDtype }, [columnScales], [rowScales])
      const columnZeros = unpackZeroPoints(int32s(stored.bytes('qzeros')), groups, rows, bits, zeroPoints)
      const zeros = new Uint8Array(rows * groups)
      runKernel('transposeBytes', shape, [columnZeros], [zeros])
      return { codes, scales: widenFloats(rowScales, scaleDtype), zeros }
    },
  }
}
