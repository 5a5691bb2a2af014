import { pathToFileURL } from 'node:url'
import {
  CapabilityError,
  type Component,
  type ComponentRows,
  type KernelCall,
  type QuantizedFormat,
  type Skip,
  skip,
  type WeightInfo,
} from '@hfquant/core'
import { installedFile } from '@hfquant/kernels'
import type { QuantizationArguments } from '../config/quantization-arguments.js'
import type { Scheme } from '../config/scheme.js'
import { compressedFormat } from '../format/compressed-format.js'
import { PACKED, SCALE, WEIGHT, type WeightLayout, ZERO_POINT } from '../format/layout.js'
import { type PackedLayout, packedFormat, packZeros, writeShape } from './packed-format.js'
import type { RoundFloatsParams } from './round-floats.js'
import type { RoundIntegersParams } from './round-integers.js'

/**
 * The format of a weight that is rounded to a scheme while it loads: integers per group or per row, or eight-bit floats per row.
 *
 * @throws CapabilityError FORMAT_LOAD_ONLY for a scheme that can be loaded and not made.
 */
export function madeFormat(weight: WeightInfo, scheme: Scheme | undefined): QuantizedFormat | Skip {
  if (scheme?.weights == null) return skip('is in no group that quantizes weights')
  refuseLoadOnly(scheme)
  const args = scheme.weights
  const groupSize = args.strategy === 'group' ? args.groupSize! : weight.inFeatures
  if (weight.inFeatures % groupSize !== 0)
    return skip(`has ${weight.inFeatures} input features, no multiple of ${groupSize}`)
  return args.type === 'float' ? floatFormat(weight, scheme) : integerFormat(weight, scheme, groupSize)
}

function integerFormat(weight: WeightInfo, scheme: Scheme, groupSize: number): QuantizedFormat {
  const { outFeatures, inFeatures, dtype: scaleDtype } = weight
  const { numBits: bits, symmetric } = scheme.weights!
  const packed = scheme.format === 'pack-quantized'
  const layout: PackedLayout = { bits, groupSize, symmetric, scaleDtype }
  const zeroRows: Component = {
    key: packed ? ZERO_ROWS : ZERO_POINT,
    dtype: 'int8',
    shape: [outFeatures, inFeatures / groupSize],
  }
  const params: Omit<RoundIntegersParams, 'dtype' | 'rows' | 'columns'> = {
    ...{ bits, groupSize, symmetric, packed, scaleDtype },
  }
  const keys = [packed ? PACKED : WEIGHT, SCALE, ...(symmetric ? [] : [zeroRows.key])]
  return {
    ...(packed ? packedFormat(weight, layout) : byteFormat(weight, layout, zeroRows, scheme)),
    quantizeKernel: () => ownKernel('roundIntegers', params, keys),
    ...(packed && !symmetric && { scratch: () => [zeroRows] }),
    ...(packed && {
      finish(parts: ComponentRows) {
        writeShape(parts, weight)
        if (symmetric) return undefined
        const zeros = parts.int8(ZERO_ROWS)
        const middle = 2 ** (bits - 1)
        packZeros(
          Uint8Array.from(zeros, (zero) => zero + middle),
          outFeatures,
          bits,
          parts.int32(ZERO_POINT),
        )
        return undefined
      },
    }),
  }
}

/** A code in each byte. */
function byteFormat(
  weight: WeightInfo,
  { bits, groupSize, symmetric, scaleDtype: dtype }: PackedLayout,
  zeros: Component,
  { inputActivations }: Scheme,
): QuantizedFormat {
  const { outFeatures, inFeatures } = weight
  const components: readonly Component[] = [
    { key: WEIGHT, dtype: 'int8', shape: [outFeatures, inFeatures] },
    { key: SCALE, dtype, shape: [outFeatures, inFeatures / groupSize] },
    ...(symmetric ? [] : [zeros]),
  ]
  return compressedFormat(
    {
      ...{ codes: { kind: 'int8', bits }, scales: { kind: 'float', dtype }, components },
      ...{ block: [1, groupSize], groupOf: undefined },
      activations: inputActivations ? { symmetric: inputActivations.symmetric, dynamic: true } : undefined,
      zeros: symmetric ? undefined : 'int8',
    },
    weight,
  )
}

function floatFormat(weight: WeightInfo, _scheme: Scheme): QuantizedFormat {
  const { outFeatures, inFeatures, dtype } = weight
  const components: readonly Component[] = [
    { key: WEIGHT, dtype: 'float8_e4m3fn', shape: [outFeatures, inFeatures] },
    { key: SCALE, dtype, shape: [outFeatures, 1] },
  ]
  const layout: WeightLayout = {
    ...{ codes: { kind: 'e4m3' }, scales: { kind: 'float', dtype }, block: [1, inFeatures], components },
    ...{ zeros: undefined, groupOf: undefined, activations: undefined },
  }
  const params: Omit<RoundFloatsParams, 'dtype' | 'rows' | 'columns'> = { scaleDtype: dtype }
  return {
    ...compressedFormat(layout, weight),
    quantizeKernel: () => ownKernel('roundFloats', params, [WEIGHT, SCALE]),
  }
}

/** Zero points before they are packed; not stored. */
const ZERO_ROWS = 'zero_rows'

const ownKernel = (kernel: string, params: object, components: readonly string[]): KernelCall => ({
  ...{ kernel, components, params: params as KernelCall['params'] & object },
  module: pathToFileURL(installedFile('@hfquant/compressed-tensors/kernels', import.meta.url)).href,
})

/** @throws CapabilityError FORMAT_LOAD_ONLY */
function refuseLoadOnly(scheme: Scheme): void {
  const { weights, inputActivations, name } = scheme
  const field = loadOnlyField(weights!, inputActivations)
  if (field === undefined) return
  throw new CapabilityError(
    'FORMAT_LOAD_ONLY',
    `config_groups.${name} can be loaded, but not made: ${field} is not what is offered`,
    {
      field: `config_groups.${name}.${field}`,
      expected:
        'int weights per group or channel, or float weights of 8 bits per channel; dynamic activations per token',
      hint: 'Use a preset that is offered: W4A16, W4A16_ASYM, W8A16, W8A8, FP8_DYNAMIC.',
    },
  )
}

function loadOnlyField(
  weights: QuantizationArguments,
  activations: QuantizationArguments | null,
): string | undefined {
  const isInt = weights.type === 'int'
  if (!isInt && weights.numBits !== 8) return 'weights.num_bits'
  if (weights.strategy !== 'channel' && !(isInt && weights.strategy === 'group')) return 'weights.strategy'
  if (!isInt && !weights.symmetric) return 'weights.symmetric'
  if (weights.actorder === 'group') return 'weights.actorder'
  if (activations === null) return undefined
  if (activations.dynamic !== true) return 'input_activations.dynamic'
  if (activations.strategy !== 'token') return 'input_activations.strategy'
  return activations.numBits === 8 ? undefined : 'input_activations.num_bits'
}
