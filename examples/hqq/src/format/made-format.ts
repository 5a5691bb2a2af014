import {
  CapabilityError,
  type Component,
  ConfigError,
  type FloatDtype,
  type QuantizedFormat,
  type WeightInfo,
} from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { type LayerSettings, startsWhole, topCode } from '../config/settings.js'
import { hqqFormat } from './hqq-format.js'
import { layerFacts, writeFacts } from './layer-facts.js'
import { codeShape, groupCount, type HqqLayout, parameterShape } from './layout.js'
import { packingOf, wordRows } from './packing.js'

/**
 * The format of a weight that is quantized here.
 *
 * @throws ConfigError GROUP_SIZE when the group size does not divide the weight, or its codes do not fill words;
 * VIEW_AS_FLOAT when the codes are to be declared as floats.
 */
export function madeFormat(weight: WeightInfo, settings: LayerSettings): QuantizedFormat {
  if (settings.viewAsFloat) {
    throw new ConfigError('VIEW_AS_FLOAT', `view_as_float is true for ${weight.path}, expected false`, {
      module: weight.path,
      field: 'view_as_float',
      found: true,
      hint: 'Packed codes that are declared as floats can be read, but are not written.',
    })
  }
  const layout = newLayout(weight, settings)
  const facts = layerFacts(weight, settings, layout)
  const components = [
    ...valueComponents(weight, settings, layout),
    ...facts.map(({ component }) => component),
  ]
  return {
    ...hqqFormat(layout, components, remarks(settings)),
    // The solver stops by the error of the whole weight: one step takes all of it.
    rowsPerStep: weight.outFeatures,
    quantizeKernel: () => ({
      kernel: 'hqqQuantize',
      module: KERNELS,
      components: ['W_q', 'scale', 'zero'],
      params: {
        topCode: topCode(settings.nbits),
        groupSize: layout.groupSize,
        axis: layout.axis,
        startsWhole: startsWhole(settings),
        optimize: settings.optimize,
        packing: layout.packing.name,
        parameterDtype: layout.parameterDtype,
      },
    }),
    finish(parts) {
      refuseOverflow(parts.bytes('zero'), layout.parameterDtype, weight)
      writeFacts(facts, parts)
      return undefined
    },
  }
}

function remarks({ nbits, axis, groupSize }: LayerSettings): string[] {
  return [
    ...(nbits === 1 ? ['one bit loses more than leaving the layers out would'] : []),
    ...(axis === 0 && groupSize !== null
      ? ['groups across the rows (axis 0) are computed on dequantized weights']
      : []),
  ]
}

const KERNELS = new URL('../solve/kernels.js', import.meta.url).href

function newLayout(weight: WeightInfo, settings: LayerSettings): HqqLayout {
  const { outFeatures, inFeatures, dtype } = weight
  const groupSize = settings.groupSize ?? (settings.axis === 1 ? inFeatures : outFeatures)
  const groups = groupCount(weight, groupSize)
  if (groups === undefined) throw groupSizeError(weight, settings, groupSize, 'does not divide')
  const parameterDtype = parameterDtypeOf(dtype, settings)
  const { axis } = settings
  return { packing: packingOf(settings.nbits), axis, groupSize, groups, parameterDtype, stacked: false }
}

/** Zero points of wide codes lie around 2^(bits−1), where bfloat16 has steps of a half or a whole. */
const parameterDtypeOf = (dtype: FloatDtype, { nbits }: LayerSettings): FloatDtype =>
  dtype === 'bfloat16' && nbits > 4 ? 'float32' : dtype

function valueComponents(weight: WeightInfo, settings: LayerSettings, layout: HqqLayout): Component[] {
  const [rows, columns] = codeShape(layout)
  const packedRows = wordRows(layout.packing, rows)
  if (packedRows === undefined) {
    const reason = `leaves ${rows} rows of codes, no multiple of ${layout.packing.codesPerWord}, in`
    throw groupSizeError(weight, settings, layout.groupSize, reason)
  }
  const parameter = { dtype: layout.parameterDtype, shape: parameterShape(layout), layout: 'whole' } as const
  return [
    { key: 'W_q', dtype: layout.packing.word, shape: [packedRows, columns], layout: 'whole' },
    { key: 'scale', ...parameter },
    { key: 'zero', ...parameter },
  ]
}

function groupSizeError(
  weight: WeightInfo,
  settings: LayerSettings,
  groupSize: number,
  problem: string,
): ConfigError {
  const { path, outFeatures, inFeatures } = weight
  const fitting = [128, 64, 32, 16, 8].find((size) => {
    const groups = groupCount(weight, size)
    const rows = settings.axis === 1 ? groups : size
    return groups !== undefined && wordRows(packingOf(settings.nbits), rows!) !== undefined
  })
  const size = `${outFeatures} x ${inFeatures}`
  return new ConfigError('GROUP_SIZE', `group_size ${groupSize} ${problem} the ${size} weights of ${path}`, {
    module: path,
    field: 'group_size',
    found: settings.groupSize,
    hint:
      fitting === undefined
        ? 'Choose 8 bits, or keep the module in float with skipModules.'
        : `A group size of ${fitting} fits this module; skipModules keeps it in float.`,
  })
}

/** float16 ends at 65504; a zero point beyond that belongs to a group of large values that hardly differ. */
function refuseOverflow(zeros: Uint8Array, dtype: FloatDtype, { path }: WeightInfo): void {
  if (dtype !== 'float16' || widenFloats(zeros, dtype).every(Number.isFinite)) return
  throw new CapabilityError('ZERO_POINT_RANGE', `a zero point of ${path} is beyond the range of float16`, {
    module: path,
    tensor: `${path}.zero`,
    hint: 'Load the model with dtype "float32", or keep the module in float with skipModules.',
  })
}
