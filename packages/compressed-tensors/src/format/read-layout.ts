import {
  type Component,
  type Dtype,
  describePart,
  type FloatDtype,
  isFloatDtype,
  type StoredTensors,
  type WeightInfo,
  wordsFor,
} from '@hfquant/core'
import type { QuantizationArguments } from '../config/quantization-arguments.js'
import type { Scheme } from '../config/scheme.js'
import {
  type Codes,
  codesKey,
  GLOBAL_SCALE,
  INPUT_SCALE,
  INPUT_ZERO_POINT,
  type Int8Activations,
  PACKED,
  SCALE,
  type Scales,
  WEIGHT,
  type WeightLayout,
  ZERO_POINT,
} from './layout.js'

/**
 * How the tensors of a weight lie, from their dtypes and shapes.
 *
 * @param scheme what config.json says of the module, which quantizes weights.
 * @throws CheckpointError TENSOR_MISSING or TENSOR_MISMATCH.
 */
export function readLayout(
  weight: WeightInfo,
  scheme: Scheme,
  tensors: StoredTensors,
): Omit<WeightLayout, 'groupOf'> {
  const args = scheme.weights!
  const codes = readCodes(weight, args, tensors)
  const block = readBlock(weight, args, tensors)
  const scales = readScaleKind(codes, tensors)
  refuseUnevenBlocks(weight, codes, block, tensors)
  const isRows = (key: string) => key === codesKey({ codes }) || (block[0] === 1 && IN_ROWS.includes(key))
  return {
    ...{ codes, block, scales, zeros: readZeroKind(weight, codes, args, tensors) },
    activations: readActivations(scheme, codes, tensors),
    components: tensors.keys.map((key): Component => {
      const isPacked = key === ZERO_POINT && tensors.part(key).dtype === 'int32'
      return tensors.component(key, isRows(key) && !isPacked ? 'rows' : 'whole')
    }),
  }
}

/** Components that have the rows of the weight in their first axis, where every row has scales of its own. */
const IN_ROWS = [SCALE, ZERO_POINT]

function readCodes(
  { outFeatures, inFeatures }: WeightInfo,
  { type, numBits: bits }: QuantizationArguments,
  tensors: StoredTensors,
): Codes {
  if (!tensors.has(PACKED)) {
    const dtype = type === 'int' ? 'int8' : 'float8_e4m3fn'
    tensors.expect(WEIGHT, [dtype], [outFeatures, inFeatures], CONFIG_HINT)
    return type === 'int' ? { kind: 'int8', bits } : { kind: 'e4m3' }
  }
  if (type === 'float') {
    tensors.expect(PACKED, ['uint8'], [outFeatures, Math.ceil(inFeatures / 2)], CONFIG_HINT)
    return { kind: 'e2m1' }
  }
  const hint = bitsHint(tensors.part(PACKED).shape[1], inFeatures, bits)
  tensors.expect(PACKED, ['int32'], [outFeatures, wordsFor(inFeatures, bits)], hint)
  return { kind: 'packed', bits }
}

const CONFIG_HINT =
  'config_groups of config.json do not belong to these weights; take both from the same revision.'

function bitsHint(words: number | undefined, inFeatures: number, bits: number): string {
  const found = words === undefined ? bits : (words * 32) / inFeatures
  return found === bits
    ? CONFIG_HINT
    : `The tensor looks like ${found} bits per weight; the config says ${bits}.`
}

/** Rows and columns that share a scale: the shape of the scales decides, unless the group has blocks. */
function readBlock(
  { outFeatures, inFeatures }: WeightInfo,
  args: QuantizationArguments,
  tensors: StoredTensors,
): readonly [number, number] {
  const { shape } = tensors.part(SCALE)
  const [rows, columns] = shape as [number, number]
  if (args.strategy === 'block') {
    const [blockRows, blockColumns] = args.blockStructure!
    const grid = [Math.ceil(outFeatures / blockRows), Math.ceil(inFeatures / blockColumns)]
    if (`${shape}` === `${grid}`) return [blockRows, Math.min(blockColumns, inFeatures)]
    throw mismatch(tensors, `[${grid.join(', ')}], blocks of ${blockRows} x ${blockColumns}`)
  }
  const isOne = shape.every((size) => size === 1)
  if (isOne && (outFeatures > 1 || shape.length < 2)) return [Number.POSITIVE_INFINITY, inFeatures]
  const fits = shape.length === 2 && rows === outFeatures && columns > 0 && inFeatures % columns === 0
  const groupSize = fits ? inFeatures / columns : undefined
  const wanted =
    args.groupSize !== null && args.groupSize > 0 ? Math.min(args.groupSize, inFeatures) : undefined
  if (groupSize !== undefined && (wanted === undefined || wanted === groupSize)) return [1, groupSize]
  const perRow = `[${outFeatures}, ${wanted === undefined ? 1 : inFeatures / wanted}]`
  throw mismatch(tensors, wanted === undefined ? `[1] or ${perRow}` : perRow)
}

const mismatch = (tensors: StoredTensors, expected: string) =>
  tensors.mismatch(SCALE, { found: describePart(tensors.part(SCALE)), expected, hint: CONFIG_HINT })

function readScaleKind(codes: Codes, tensors: StoredTensors): Scales {
  const { dtype, shape } = tensors.part(SCALE)
  if (tensors.has(GLOBAL_SCALE)) {
    tensors.expect(SCALE, ['float8_e4m3fn'], shape)
    tensors.expect(GLOBAL_SCALE, ['float32'], [1])
    return { kind: 'e4m3' }
  }
  const isSmall = codes.kind === 'e4m3' || codes.kind === 'e2m1'
  if (isSmall && (dtype === 'uint8' || dtype === 'float8_e8m0fnu')) return { kind: 'e8m0' }
  if (isFloatDtype(dtype)) return { kind: 'float', dtype }
  if (dtype === 'float8_e4m3fn') tensors.part(GLOBAL_SCALE)
  const expected = isSmall ? [...FLOATS, 'uint8'] : FLOATS
  throw tensors.mismatch(SCALE, { found: describePart({ dtype, shape }), expected: expected.join(' or ') })
}

const FLOATS: readonly Dtype[] = ['float16', 'bfloat16', 'float32']

/** Two codes of a byte have one scale. */
function refuseUnevenBlocks(
  { inFeatures }: WeightInfo,
  codes: Codes,
  [, columns]: readonly [number, number],
  tensors: StoredTensors,
): void {
  if (codes.kind !== 'e2m1' || (columns % 2 === 0 && inFeatures % 2 === 0)) return
  throw tensors.mismatch(PACKED, {
    ...{ found: `in groups of ${columns} of ${inFeatures} columns`, expected: 'even numbers of columns' },
    hint: CONFIG_HINT,
  })
}

/** Integers alone have zero points; those that lie beside floats are 0 and carried along. */
function readZeroKind(
  { outFeatures }: WeightInfo,
  codes: Codes,
  args: QuantizationArguments,
  tensors: StoredTensors,
): WeightLayout['zeros'] {
  if (!('bits' in codes)) return undefined
  if (!tensors.has(ZERO_POINT) && args.symmetric) return undefined
  const { dtype } = tensors.part(ZERO_POINT)
  const { shape } = tensors.part(SCALE)
  if (codes.kind === 'packed' && dtype === 'int32') {
    const groups = shape[1] ?? 1
    tensors.expect(ZERO_POINT, ['int32'], [wordsFor(outFeatures, codes.bits), groups], CONFIG_HINT)
    return 'packed'
  }
  tensors.expect(ZERO_POINT, ['int8'], shape, CONFIG_HINT)
  return 'int8'
}

/** Eight-bit integers of a token, or of a tensor; all others are left in float, which is finer than what they would be. */
function readActivations(
  { inputActivations: args }: Scheme,
  { kind }: Codes,
  tensors: StoredTensors,
): Int8Activations | undefined {
  if (args === null || args.type !== 'int' || args.numBits !== 8 || kind !== 'int8') return undefined
  if (args.dynamic !== false) return { symmetric: args.symmetric, dynamic: true }
  if (args.strategy !== 'tensor') return undefined
  const { shape } = tensors.part(INPUT_SCALE)
  const size = shape.length === 0 ? [] : [1]
  const { dtype } = tensors.expect(INPUT_SCALE, FLOATS, size, CONFIG_HINT)
  if (!args.symmetric) tensors.expect(INPUT_ZERO_POINT, ['int8'], size, CONFIG_HINT)
  return { symmetric: args.symmetric, dynamic: false, scaleDtype: dtype as FloatDtype }
}
