import type {
  ComponentRows,
  FloatDtype,
  FloatRows,
  KernelCall,
  QuantizedFormat,
  WeightInfo,
} from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
import { lowerMatMulNBits } from '../lower/mat-mul-n-bits.js'
import { encodeGroups } from './encode.js'
import { type GptqLayout, groupCount, layoutComponents } from './layout.js'
import { plainGroups } from './plain-groups.js'

/** How the parameters of a group are found; see the kernel `gptqGrid`. */
export interface GridRules {
  /** Half the scale for groups without negative weights, as the paper's code. */
  readonly oneSided: boolean
  readonly minimumZero: 0 | 1
  readonly searchExponent: number
  readonly roundScales: boolean
}

/** Parameters of a format that can be made of float weights. */
export interface GptqFormatOptions {
  readonly layout: GptqLayout
  /** Absent for a stored weight, which cannot be made. */
  readonly rules?: GridRules
  readonly warnings?: readonly string[]
  /** Dtype of a bias that the architecture does not have. */
  readonly bias?: FloatDtype | undefined
}

/** A format of this package, which can be asked for its layout. */
export interface GptqFormat extends QuantizedFormat {
  readonly gptqLayout: GptqLayout
}

/** Codes on a grid per group, in the tensors of a GPTQ checkpoint; made here by rounding to the nearest. */
export function gptqFormat({ layout, rules, warnings = [], bias }: GptqFormatOptions): GptqFormat {
  const { bits, groupSize } = layout
  return {
    name: `gptq int${bits} per group of ${groupSize}`,
    warnings,
    ...(bias && { bias }),
    gptqLayout: layout,
    components: (weight) => layoutComponents(weight, layout),
    dequantize: (stored, out, weight) => dequantize(stored, out, weight, layout),
    dequantizeKernel: (weight) => dequantizeKernel(weight, layout),
    lower: (graph, layer) => lowerMatMulNBits(graph, layer, layout),
    ...(rules === undefined ? {} : roundToNearest(layout, rules)),
  }
}

/** Parameters of the kernels that find grids. */
export const gridParams = ({ bits, groupSize, symmetric }: GptqLayout, rules: GridRules) => ({
  bits,
  symmetric,
  groupSize,
  oneSided: rules.oneSided,
  minimumZero: rules.minimumZero,
  searchExponent: rules.searchExponent,
  roundScales: rules.roundScales,
})

/** Zero points before they are packed; not stored. */
const ZEROS = 'zeros'

function roundToNearest(
  layout: GptqLayout,
  rules: GridRules,
): Pick<QuantizedFormat, 'scratch' | 'quantizeKernel' | 'finish'> {
  return {
    scratch: ({ outFeatures, inFeatures }) => [
      {
        key: ZEROS,
        dtype: 'uint8',
        shape: [groupCount(inFeatures, layout.groupSize), outFeatures],
        layout: 'columns',
      },
    ],
    quantizeKernel: () => ({
      kernel: 'gptqRound',
      params: { ...gridParams(layout, rules), scaleDtype: layout.scaleDtype },
      components: ['qweight', 'scales', ZEROS],
      casts: true,
    }),
    finish(parts, weight) {
      const groupOf = plainGroups(weight.inFeatures, layout.groupSize)
      encodeGroups({ zeros: parts.uint8(ZEROS), groupOf }, parts, weight, layout)
      return undefined
    },
  }
}

const componentKeys = ({ hasGroupIndex }: GptqLayout): string[] =>
  hasGroupIndex ? ['qweight', 'qzeros', 'scales', 'g_idx'] : ['qweight', 'qzeros', 'scales']

const dequantizeKernel = ({ outFeatures, inFeatures }: WeightInfo, layout: GptqLayout): KernelCall => ({
  kernel: 'dequantizeColumns',
  params: {
    bits: layout.bits,
    minusOne: layout.zeroPoints === 'gptq',
    scaleDtype: layout.scaleDtype,
    totalRows: outFeatures,
    groups: groupCount(inFeatures, layout.groupSize),
    groupSize: layout.groupSize,
  },
  components: componentKeys(layout),
})

function dequantize(stored: ComponentRows, out: FloatRows, weight: WeightInfo, layout: GptqLayout): void {
  const { kernel, params } = dequantizeKernel(weight, layout)
  const values = new Float32Array(out.count * weight.inFeatures)
  runKernel(
    kernel,
    { ...params, first: out.first, rows: out.count, columns: weight.inFeatures },
    componentKeys(layout).map((key) => stored.bytes(key)),
    [new Uint8Array(values.buffer)],
  )
  for (let row = 0; row < out.count; row++) {
    out.at(row).set(values.subarray(row * weight.inFeatures, (row + 1) * weight.inFeatures))
  }
}
