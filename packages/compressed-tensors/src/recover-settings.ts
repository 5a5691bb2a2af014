import {
  type CheckpointHeaders,
  isFloatDtype,
  type JsonObject,
  type TensorInfo,
  wordsFor,
} from '@hfquant/core'
import { type CompressedTensorsSettings, readSettings } from './config/settings.js'
import {
  GLOBAL_SCALE,
  GROUP_INDEX,
  INPUT_SCALE,
  INPUT_ZERO_POINT,
  PACKED,
  SCALE,
  WEIGHT,
  ZERO_POINT,
} from './format/layout.js'
import { isCodeDtype, looksCompressed } from './signs.js'

/**
 * The settings of a checkpoint whose config.json lost them, from its headers: a group for each way in which weights are stored,
 * of which the most frequent one is for all linear layers. What no tensor tells is what checkpoints usually have: square blocks, and
 * activations of as many bits where each code has a byte of its own.
 */
export function recoverSettings(headers: CheckpointHeaders): CompressedTensorsSettings | undefined {
  if (!looksCompressed(headers)) return undefined
  const modules = modulesOf(headers)
  const sizes = sizesOf(headers)
  const paths = new Map<string, string[]>()
  for (const [path, tensors] of modules) {
    if (!tensors.has(SCALE) || !hasCodes(tensors)) continue
    const scheme = JSON.stringify(schemeOf(tensors, sizes))
    const alike = paths.get(scheme)
    if (alike === undefined) paths.set(scheme, [path])
    else alike.push(path)
  }
  const groups = [...paths]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([scheme, targets], at) => ({ ...JSON.parse(scheme), targets: at === 0 ? ['Linear'] : targets }))
  const isFloatMatrix = ({ dtype, shape }: TensorInfo) => isFloatDtype(dtype) && shape.length === 2
  const ignore = [...modules].flatMap(([path, tensors]) => {
    const weight = tensors.get(WEIGHT)
    return weight !== undefined && isFloatMatrix(weight) ? [path] : []
  })
  return readSettings({
    config_groups: Object.fromEntries(groups.map((scheme, at) => [`group_${at}`, scheme])),
    ...{ ignore, quantization_status: 'compressed' },
  })
}

/** Tensors by their names below the modules. */
function modulesOf({ tensors }: CheckpointHeaders): ReadonlyMap<string, ReadonlyMap<string, TensorInfo>> {
  const modules = new Map<string, Map<string, TensorInfo>>()
  for (const [name, tensor] of tensors) {
    const cut = name.lastIndexOf('.')
    const path = name.slice(0, Math.max(cut, 0))
    const own = modules.get(path) ?? new Map()
    modules.set(path, own.set(name.slice(cut + 1), tensor))
  }
  return modules
}

/** Scales also lie beside weights that are still in float, and a download may have lost a weight. */
function hasCodes(tensors: ReadonlyMap<string, TensorInfo>): boolean {
  return tensors.has(PACKED) || isCodeDtype(tensors.get(WEIGHT)?.dtype)
}

/** Numbers of features that the model has somewhere: words do not tell how many columns they hold. */
const sizesOf = ({ tensors }: CheckpointHeaders): ReadonlySet<number> =>
  new Set(
    [...tensors.values()].flatMap(({ dtype, shape }) => (isFloatDtype(dtype) ? shape : shape.slice(0, 1))),
  )

function schemeOf(tensors: ReadonlyMap<string, TensorInfo>, sizes: ReadonlySet<number>): JsonObject {
  const scale = tensors.get(SCALE)!.shape
  const groups = scale[1] ?? 1
  const symmetric = !tensors.has(ZERO_POINT)
  const packed = tensors.get(PACKED)
  if (packed?.dtype === 'uint8') {
    const isTwoLevel = tensors.has(GLOBAL_SCALE)
    const strategy = isTwoLevel ? 'tensor_group' : 'group'
    const group_size = (packed.shape[1]! * 2) / groups
    return { weights: { num_bits: 4, type: 'float', strategy, group_size } }
  }
  const region = (rows: number, columns: number) => {
    if (scale.length < 2 || (scale[0] === 1 && rows > 1)) return { strategy: 'tensor' }
    if (scale[0] !== rows) return { strategy: 'block', block_structure: squareBlock([rows, columns], scale) }
    return groups === 1 ? { strategy: 'channel' } : { strategy: 'group', group_size: columns / groups }
  }
  if (packed !== undefined) {
    const [rows, words] = packed.shape as [number, number]
    const { bits, columns } = widthOf(words, groups, sizes)
    const actorder = tensors.has(GROUP_INDEX) ? 'group' : null
    return { weights: { num_bits: bits, type: 'int', symmetric, actorder, ...region(rows, columns) } }
  }
  const { dtype, shape } = tensors.get(WEIGHT)!
  const type = dtype === 'int8' ? 'int' : 'float'
  const isStatic = tensors.has(INPUT_SCALE)
  const isPlain = tensors.get(SCALE)!.dtype !== 'uint8'
  const activations = {
    ...{ num_bits: 8, type, strategy: isStatic ? 'tensor' : 'token', dynamic: !isStatic },
    symmetric: !tensors.has(INPUT_ZERO_POINT),
  }
  return {
    weights: { num_bits: 8, type, symmetric: symmetric || type === 'float', ...region(shape[0]!, shape[1]!) },
    ...(isPlain ? { input_activations: activations } : { format: 'mxfp8-quantized' }),
  }
}

const SMALLEST_GROUP = 16

/** Widths of packed codes, the usual ones first. */
const WIDTHS = [4, 8, 2, 3, 6, 5, 7, 1]

/** The first width with which the words hold as many columns as something in the model has. */
function widthOf(words: number, groups: number, sizes: ReadonlySet<number>) {
  const isCut = (size: number) => groups === 1 || size % (SMALLEST_GROUP * groups) === 0
  for (const bits of WIDTHS) {
    // The last word may hold fewer codes than there is room for.
    for (let columns = Math.floor((words * 32) / bits); wordsFor(columns, bits) === words; columns--) {
      if (sizes.has(columns) && isCut(columns)) return { bits, columns }
    }
  }
  return { bits: 4, columns: words * 8 }
}

/** Sizes of blocks that are in use, the usual one first. */
const BLOCK_SIZES = [128, 64, 32, 256, 16]

function squareBlock(shape: readonly number[], grid: readonly number[]): readonly [number, number] {
  const fits = (size: number) => grid.every((count, axis) => count === Math.ceil(shape[axis]! / size))
  const size = BLOCK_SIZES.find(fits) ?? BLOCK_SIZES[0]!
  return [size, size]
}
