import { createScratchArrays, type SharedWeight } from '@hfquant/calibrate'
import type { KernelPool } from '@hfquant/kernels'
import type { QuantizedRows } from '../format/encode.js'
import type { GridRules } from '../format/gptq-format.js'
import { type GptqLayout, groupCount } from '../format/layout.js'
import { type GoldenCase, type GoldenFile, golden } from '../golden.fixture.js'
import { columnOrder } from './column-order.js'
import { factorize } from './factorize.js'
import { type Hessian, hessianOf } from './hessian.js'
import { type ColumnsRequest, quantizeColumns } from './quantize-columns.js'

/** What the goldens were made with. */
export const DAMPING = { dampPercent: 0.01, dampAutoIncrement: 0.01 }

/** The goldens use the paper's rule for groups without negative weights. */
const rulesOf = ({ mse }: GoldenCase): GridRules => ({
  oneSided: true,
  minimumZero: 0,
  searchExponent: mse ? 2.4 : 0,
  roundScales: false,
})

export function layoutFor({ bits, group_size: size, sym }: GoldenCase, columns: number): GptqLayout {
  return {
    bits,
    groupSize: size === -1 ? columns : size,
    scaleDtype: 'float16',
    zeroPoints: 'gptq',
    symmetric: sym,
    hasGroupIndex: true,
    order: undefined,
  }
}

export function shared(values: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(values.length * 4))
  copy.set(values)
  return copy
}

function weightOf(layer: GoldenFile): SharedWeight {
  const [rows, columns] = layer.shape('W') as [number, number]
  return { values: shared(layer.float32('W')), rows, columns }
}

/** H of a layer's file. The layers are smaller than a panel, so it lies there as the square that it is. */
function goldenHessian(layer: GoldenFile): Hessian {
  // As sums over the tokens of two sequences: (2 / 2) · H = H.
  return hessianOf(shared(layer.float32('H')), layer.shape('H')[0]!, 2)!
}

/** Everything that quantizing a golden layer takes, and what it gives. The weight is copied, because it is used up. */
export async function quantizeCase(pool: KernelPool, case_: GoldenCase, overrides: Partial<GridRules> = {}) {
  const layer = golden(`layer_${case_.layer}`)
  const weight = weightOf(layer)
  const hessian = goldenHessian(layer)
  const layout = layoutFor(case_, weight.columns)
  const columns = columnOrder(hessian.diagonal, {
    groupSize: layout.groupSize,
    ungrouped: case_.group_size === -1,
    descAct: case_.act_order,
    actGroupAware: false,
    staticGroups: case_.static_groups,
  })
  const target = shared(hessian.values)
  const factor = (await factorize(hessian, columns, { target, rules: DAMPING, pool }))!
  const rules = { ...rulesOf(case_), ...overrides }
  const request: ColumnsRequest = { weight, layout, rules, pool, scratch: createScratchArrays() }
  const result = await quantizeColumns(afresh(request), columns, factor, hessian.dead)
  return { layer, weight, hessian, layout, columns, factor, result, request }
}

/** The same request with a weight and memory of its own. */
export const afresh = (request: ColumnsRequest): ColumnsRequest => ({
  ...request,
  weight: { ...request.weight, values: shared(request.weight.values) },
  scratch: createScratchArrays(),
})

/** ½ tr(ΔW · (H + damping) · ΔWᵀ) in float64, where dead columns of W count as 0. */
export function proxyLoss(
  { values, rows, columns }: SharedWeight,
  hessian: Hessian,
  damping: number,
  { codes, scales, zeros, groupOf }: QuantizedRows,
  layout: GptqLayout,
): number {
  const groups = groupCount(columns, layout.groupSize)
  const deltas = Array.from({ length: rows }, (_, row) =>
    Float64Array.from({ length: columns }, (_, k) => {
      const at = row * groups + groupOf[k]!
      const restored = Math.fround(scales[at]! * (codes[row * columns + k]! - zeros[at]!))
      return (hessian.dead[k] ? 0 : values[row * columns + k]!) - restored
    }),
  )
  return quadraticForm(deltas, hessian, damping) / 2
}

/** Σ r·(H + damping)·rᵀ over rows r. */
export function quadraticForm(
  rows: readonly Float64Array[],
  { size, values }: Hessian,
  damping: number,
): number {
  let total = 0
  for (const row of rows) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        total += row[i]! * (values[i * size + j]! + (i === j ? damping : 0)) * row[j]!
      }
    }
  }
  return total
}
