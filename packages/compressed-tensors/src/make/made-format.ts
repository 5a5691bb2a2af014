import { pathToFileURL } from 'node:url'
import {
  CapabilityError,
  type Component,
  type ComponentRows,
  type KernelCall,
  packStream,
  type QuantizedFormat,
  type Skip,
  skip,
  type WeightInfo,
  wordsFor,
} from '@hfquant/core'
import { installedFile } from '@hfquant/kernels'
import type { QuantizationArguments } from '../config/quantization-arguments.js'
import type { Scheme } from '../config/scheme.js'
import { compressedFormat } from '../format/compressed-format.js'
import { PACKED, SCALE, SHAPE, WEIGHT, type WeightLayout, ZERO_POINT } from '../format/layout.js'
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
  const { outFeatures, inFeatures, dtype } = weight
  const { numBits: bits, symmetric } = scheme.weights!
  const packed = scheme.format === 'pack-quantized'
  const groups = inFeatures / groupSize
  const zeroRows: Component = {
    key: packed ? ZERO_ROWS : ZERO_POINT,
    dtype: 'int8',
    shape: [outFeatures, groups],
  }
  const zeroWords = wordsFor(outFeatures, bits)
  const components: readonly Component[] = packed
    ? [
        { key: PACKED, dtype: 'int32', shape: [outFeatures, wordsFor(inFeatures, bits)] },
        { key: SCALE, dtype, shape: [outFeatures, groups] },
        { key: SHAPE, dtype: 'int64', shape: [2], layout: 'whole' },
        ...(symmetric
          ? []
          : [{ key: ZERO_POINT, dtype: 'int32', shape: [zeroWords, groups], layout: 'whole' } as const]),
      ]
    : [
        { key: WEIGHT, dtype: 'int8', shape: [outFeatures, inFeatures] },
        { key: SCALE, dtype, shape: [outFeatures, groups] },
        ...(symmetric ? [] : [zeroRows]),
      ]
  const layout: WeightLayout = {
    ...{ codes: { kind: packed ? 'packed' : 'int8', bits }, scales: { kind: 'float', dtype }, components },
    ...{ block: [1, groupSize], groupOf: undefined },
    zeros: symmetric ? undefined : packed ? 'packed' : 'int8',
    activations:
      scheme.inputActivations === null
        ? undefined
        : { symmetric: scheme.inputActivations.symmetric, dynamic: true },
  }
  const params: Omit<RoundIntegersParams, 'dtype' | 'rows' | 'columns'> = {
    ...{ bits, groupSize, symmetric, packed, scaleDtype: dtype },
  }
  const keys = [packed ? PACKED : WEIGHT, SCALE, ...(symmetric ? [] : [zeroRows.key])]
  return {
    ...compressedFormat(layout, weight),
    quantizeKernel: () => ownKernel('roundIntegers', params, keys),
    ...(packed && !symmetric && { scratch: () => [zeroRows] }),
    ...(packed && {
      finish(parts: ComponentRows) {
        const shape = parts.bytes(SHAPE)
        new BigInt64Array(shape.buffer, shape.byteOffset, 2).set([BigInt(outFeatures), BigInt(inFeatures)])
        if (!symmetric)
          packZeros(parts.int8(ZERO_ROWS), parts.int32(ZERO_POINT), { bits, groups, rows: outFeatures })
        return undefined
      },
    }),
  }
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

/** Signed zero points [N, G] to words [ceil(N·bits / 32), G], a stream of bits along the rows of each column. */
function packZeros(
  zeros: Int8Array,
  words: Int32Array,
  { bits, groups, rows }: { readonly bits: number; readonly groups: number; readonly rows: number },
): void {
  const fields = new Uint8Array(rows)
  const height = wordsFor(rows, bits)
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < rows; row++) fields[row] = zeros[row * groups + group]! + 2 ** (bits - 1)
    const column = new Int32Array(height)
    packStream(fields, bits, column)
    for (let at = 0; at < height; at++) words[at * groups + group] = column[at]!
  }
}

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
