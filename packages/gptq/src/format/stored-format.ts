import {
  channelOrder,
  type FloatDtype,
  type QuantizedFormat,
  type StoredTensors,
  type StoredWeight,
  storedTensors,
  type WeightInfo,
  wordsFor,
} from '@hfquant/core'
import type { Bits } from './bits.js'
import { gptqFormat } from './gptq-format.js'
import { int32s } from './int32s.js'
import { integerForm } from './integer-form.js'
import { groupCount } from './layout.js'
import { storedBias } from './stored-bias.js'
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
  const tensors = storedTensors(weight, stored)

  tensors.expect('qweight', ['int32'], [wordsFor(columns, bits), rows], bitsHint(tensors, columns, bits))
  tensors.expect('qzeros', ['int32'], [groups, wordsFor(rows, bits)], GROUP_HINT)
  const scales = tensors.expect('scales', ['float16', 'bfloat16', 'float32'], [groups, rows], GROUP_HINT)
  const scaleDtype = scales.dtype as FloatDtype
  const hasGroupIndex = tensors.has('g_idx')
  if (hasGroupIndex) tensors.expect('g_idx', ['int32'], [columns])
  const layout = { bits, groupSize, scaleDtype, hasGroupIndex }
  const bias = await storedBias(weight, tensors)
  if (stored.trusted) {
    const { symmetric, zeroPoints } = settings
    return gptqFormat({ layout: { ...layout, symmetric, zeroPoints, order: undefined } })
  }
  // A scale may be 0, which makes its group 0; NaN and infinity would poison whole rows.
  await tensors.finite('scales')

  let order: Int32Array | undefined | null
  if (hasGroupIndex) {
    const groupOf = readGroupIndex(int32s(await stored.read('g_idx')), groups, tensors)
    order = channelOrder(groupOf, groupSize)
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
  const seen = { ...layout, zeroPoints, symmetric, order }
  return { ...gptqFormat({ layout: seen, warnings, bias }), integers: integerForm(weight, seen, bias) }
}

const GROUP_HINT =
  'group_size or bits of the config do not belong to this file; take both from the same revision.'

function bitsHint(tensors: StoredTensors, columns: number, bits: number): string | undefined {
  const words = tensors.find('qweight')?.shape[0]
  const found = words === undefined ? bits : (words * 32) / columns
  if (found === bits) return undefined
  return `The tensor looks like ${found} bits per weight; the config says ${bits}.`
}

/** Entries below 0 count from the end, as some tools wrote them. */
function readGroupIndex(groupOf: Int32Array, groups: number, tensors: StoredTensors): Int32Array {
  const wrong = groupOf.findIndex((group) => group >= groups || group < -groups)
  if (wrong < 0) return groupOf.map((group) => (group < 0 ? group + groups : group))
  const [found, expected] = [groupOf[wrong], `0 to ${groups - 1}`]
  throw tensors.wrong(
    'GROUP_INDEX_RANGE',
    'g_idx',
    `holds ${found} for channel ${wrong}, expected ${expected}`,
    { found, expected, hint: GROUP_HINT },
  )
}
