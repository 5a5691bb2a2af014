import {
  CheckpointError,
  type FloatDtype,
  isFloatDtype,
  type QuantizedFormat,
  type StoredWeight,
  type WeightInfo,
} from '@hfquant/core'
import { bfloat16ToFloat32, float16ToFloat32 } from '@hfquant/kernels'
import { type Bits, wordsFor } from './bit-stream.js'
import { gptqFormat } from './gptq-format.js'
import { isPlain, runOrder } from './group-index.js'
import { int32s } from './int32s.js'
import { groupCount } from './layout.js'
import { detectZeroPointFormat, type ZeroPointFormat } from './zero-points.js'

/** What the configuration says about a stored weight. */
export interface StoredSettings {
  readonly bits: Bits
  /** -1: one group. */
  readonly groupSize: number
  readonly symmetric: boolean
  readonly zeroPoints: ZeroPointFormat
}

/**
 * The format of a weight that a checkpoint holds. The tensors decide: about the group of each channel, and, where that can
 * be told, about the form of the zero points.
 *
 * @throws CheckpointError naming module, tensor, what was found and what was expected.
 */
export async function storedFormat(
  weight: WeightInfo,
  settings: StoredSettings,
  stored: StoredWeight,
): Promise<QuantizedFormat> {
  const { inFeatures: columns, outFeatures: rows, path } = weight
  const { bits } = settings
  const groupSize = settings.groupSize === -1 ? columns : settings.groupSize
  const groups = groupCount(columns, groupSize)
  const warnings: string[] = []
  const expect = (key: string, dtypes: readonly string[], shape: readonly number[], hint: string) =>
    checkTensor(weight, stored, { key, dtypes, shape, hint })

  expect('qweight', ['int32'], [wordsFor(columns, bits), rows], bitsHint(stored, columns, bits))
  expect('qzeros', ['int32'], [groups, wordsFor(rows, bits)], GROUP_HINT)
  expect('scales', ['float16', 'bfloat16', 'float32'], [groups, rows], GROUP_HINT)
  const scaleDtype = stored.tensors.get('scales')!.dtype as FloatDtype
  const hasGroupIndex = stored.tensors.has('g_idx')
  if (hasGroupIndex) {
    expect('g_idx', ['int32'], [columns], 'The file is damaged, or config.json describes another model.')
  }
  const layout = { bits, groupSize, scaleDtype, hasGroupIndex }
  if (stored.trusted) {
    const { symmetric, zeroPoints } = settings
    return gptqFormat({ layout: { ...layout, symmetric, zeroPoints, order: undefined } })
  }
  checkScales(await stored.read('scales'), scaleDtype, `${path}.scales`, path)

  let order: Int32Array | undefined | null
  if (hasGroupIndex) {
    const groupOf = readGroupIndex(int32s(await stored.read('g_idx')), groups, path)
    order = isPlain(groupOf, groupSize) ? undefined : (runOrder(groupOf, groupSize) ?? null)
    if (order === null) {
      warnings.push(
        `"${path}.g_idx" has groups of unequal size: ${path} is computed on its dequantized weight`,
      )
    }
  }

  const zeros = detectZeroPointFormat(int32s(await stored.read('qzeros')), groups, rows, bits)
  const detected = settings.symmetric ? zeros : undefined
  if (detected !== undefined && detected !== settings.zeroPoints) {
    warnings.push(
      `"${path}.qzeros" holds zero points of format "${detected}", although the config says "${settings.zeroPoints}"; read as "${detected}"`,
    )
  }
  const zeroPoints = detected ?? settings.zeroPoints
  // All zero points in the middle, whatever the config says about symmetry.
  const symmetric = zeros === zeroPoints
  return gptqFormat({ layout: { ...layout, zeroPoints, symmetric, order }, warnings })
}

const GROUP_HINT =
  'group_size or bits of the config do not belong to this file; take both from the same revision.'

function bitsHint(stored: StoredWeight, columns: number, bits: number): string {
  const words = stored.tensors.get('qweight')?.shape[0]
  const found = words === undefined ? bits : (words * 32) / columns
  return found === bits
    ? 'The file is damaged, or config.json describes another model.'
    : `The tensor looks like ${found} bits per weight; the config says ${bits}.`
}

interface ExpectedTensor {
  readonly key: string
  readonly dtypes: readonly string[]
  readonly shape: readonly number[]
  readonly hint: string
}

function checkTensor(
  { path }: WeightInfo,
  stored: StoredWeight,
  { key, dtypes, shape, hint }: ExpectedTensor,
): void {
  const tensor = `${path}.${key}`
  const found = stored.tensors.get(key)
  const expected = `${dtypes.join(' or ')} [${shape.join(', ')}]`
  if (found === undefined) {
    throw new CheckpointError('TENSOR_MISSING', `the checkpoint has no "${tensor}", expected ${expected}`, {
      module: path,
      tensor,
      expected,
      hint: 'The download may be incomplete, or the config describes another model.',
    })
  }
  const sameShape =
    found.shape.length === shape.length && found.shape.every((size, axis) => size === shape[axis])
  if (sameShape && dtypes.includes(found.dtype)) return
  const is = `${found.dtype} [${found.shape.join(', ')}]`
  throw new CheckpointError(
    'TENSOR_MISMATCH',
    `"${tensor}" of module ${path} is ${is}, expected ${expected}`,
    {
      module: path,
      tensor,
      file: found.file,
      found: is,
      expected,
      hint,
    },
  )
}

/** A scale may be 0, which makes its group 0; NaN and infinity would poison whole rows. */
function checkScales(bytes: Uint8Array, dtype: FloatDtype, tensor: string, module: string): void {
  if (!isFloatDtype(dtype)) return
  const at = firstNotFinite(bytes, dtype)
  if (at === undefined) return
  throw new CheckpointError(
    'SCALE_NOT_FINITE',
    `"${tensor}" holds ${valueAt(bytes, dtype, at)} at position ${at}, expected finite scales`,
    {
      module,
      tensor,
      found: valueAt(bytes, dtype, at),
      hint: 'The file is damaged; download it again, or quantize the model again.',
    },
  )
}

/** All scales of a model are read before its weights, so this is a loop: `findIndex` calls a function for each. */
function firstNotFinite(bytes: Uint8Array, dtype: FloatDtype): number | undefined {
  // An exponent of ones is that of infinities and NaN.
  const exponent = { float32: 0x7f800000, bfloat16: 0x7f80, float16: 0x7c00 }[dtype]
  const words =
    dtype === 'float32'
      ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
      : new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)
  for (let index = 0; index < words.length; index++) {
    if ((words[index]! & exponent) === exponent) return index
  }
  return undefined
}

function valueAt(bytes: Uint8Array, dtype: FloatDtype, index: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (dtype === 'float32') return view.getFloat32(index * 4, true)
  const half = view.getUint16(index * 2, true)
  return dtype === 'float16' ? float16ToFloat32(half) : bfloat16ToFloat32(half)
}

/** Entries below 0 count from the end, as some tools wrote them. */
function readGroupIndex(groupOf: Int32Array, groups: number, module: string): Int32Array {
  const wrong = groupOf.findIndex((group) => group >= groups || group < -groups)
  if (wrong >= 0) {
    throw new CheckpointError(
      'GROUP_INDEX_RANGE',
      `"${module}.g_idx" holds ${groupOf[wrong]} for channel ${wrong}, expected 0 to ${groups - 1}`,
      {
        module,
        tensor: `${module}.g_idx`,
        found: groupOf[wrong],
        expected: `0 to ${groups - 1}`,
        hint: GROUP_HINT,
      },
    )
  }
  return groupOf.map((group) => (group < 0 ? group + groups : group))
}
