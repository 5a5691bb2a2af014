import {
  type Component,
  type FloatDtype,
  isFloatDtype,
  type StoredWeight,
  type WeightInfo,
} from '@hfquant/core'
import { type HqqFormat, hqqFormat } from './hqq-format.js'
import { FACT_KEYS, FLAG_KEYS, torchName } from './layer-facts.js'
import { layerTensors } from './layer-tensors.js'
import { codeShape, groupCount, type HqqLayout, parameterShape } from './layout.js'
import { PACKINGS, type Packing, wordRows } from './packing.js'

/** Dtypes that packed codes may be declared as: their own, or with `view_as_float` the one that is computed in. */
const VIEWS = ['float32', 'float16', 'bfloat16'] as const

/**
 * The format of a weight in a quantized checkpoint. The tensors decide, not config.json. A tensor stays as it is in the
 * file, so that a model that is saved again has the same bytes.
 *
 * @throws CheckpointError for tensors that are missing, contradict each other, or hold NaN or infinity.
 */
export async function storedFormat(weight: WeightInfo, stored: StoredWeight): Promise<HqqFormat> {
  const tensors = layerTensors(weight, stored)
  tensors.refuse(
    ['zero_q', 'meta_zero', 'scale_q', 'meta_scale'],
    'quantized scales and zero points are not read',
  )
  const shape = await tensors.integers('shape', [2])
  tensors.agree('shape', shape, [weight.outFeatures, weight.inFeatures])
  const packing = await readPacking(tensors)
  const [axis = 1] = await tensors.integers('axis', [])
  if (axis !== 0 && axis !== 1) throw tensors.mismatch('axis', { found: axis, expected: '0 or 1' })
  const [groupSize = 0] = await tensors.integers('group_size', [])
  const groups = groupSize > 0 ? groupCount(weight, groupSize) : undefined
  if (groups === undefined) {
    const expected = `a divisor of the ${shape[0]! * shape[1]!} weights`
    throw tensors.mismatch('group_size', { found: groupSize, expected })
  }
  const stacked = tensors.has('zero_scale')
  const parameterDtype = readParameterDtype(tensors, stacked)
  const layout: HqqLayout = { packing, axis, groupSize, groups, parameterDtype, stacked }
  checkCodes(tensors, layout)
  await checkParameters(tensors, layout)
  checkSmallFacts(tensors)
  await checkTexts(tensors, layout)
  return hqqFormat(layout, componentsOf(tensors))
}

type Tensors = ReturnType<typeof layerTensors>

async function readPacking(tensors: Tensors): Promise<Packing> {
  const name = await tensors.text('packing')
  const packing = PACKINGS.find((known) => known.name === name)
  if (packing !== undefined) return packing
  const expected = PACKINGS.map((known) => known.name).join(', ')
  throw tensors.mismatch('packing', { found: JSON.stringify(name), expected })
}

function readParameterDtype(tensors: Tensors, stacked: boolean): FloatDtype {
  const key = stacked ? 'zero_scale' : 'scale'
  const { dtype } = tensors.part(key)
  if (isFloatDtype(dtype)) return dtype
  throw tensors.mismatch(key, { found: dtype, expected: 'float32, float16 or bfloat16' })
}

async function checkParameters(tensors: Tensors, layout: HqqLayout): Promise<void> {
  const { parameterDtype, stacked } = layout
  const shape = parameterShape(layout)
  const expected = stacked ? { zero_scale: [2, ...shape] } : { scale: shape, zero: shape }
  for (const [key, wanted] of Object.entries(expected)) {
    tensors.expect(key, [parameterDtype], wanted)
    await tensors.finite(key)
  }
}

function checkCodes(tensors: Tensors, layout: HqqLayout): void {
  const { packing } = layout
  const [rows, columns] = codeShape(layout)
  const packedRows = wordRows(packing, rows)
  if (packedRows === undefined) {
    const expected = `a size that leaves rows of codes in multiples of ${packing.codesPerWord}`
    throw tensors.mismatch('group_size', { found: `${layout.groupSize}, which leaves ${rows}`, expected })
  }
  const { dtype } = tensors.part('W_q')
  const view = VIEWS.find((known) => known === dtype)
  // The same bytes under another dtype: the last axis has as many elements as they make.
  const rowBytes = columns * (packing.word === 'int32' ? 4 : 1)
  const width = view === undefined ? columns : rowBytes / (view === 'float32' ? 4 : 2)
  tensors.expect('W_q', [view ?? packing.word], [packedRows, width])
}

/** Facts that nothing here depends on; they are kept for those who do. */
function checkSmallFacts(tensors: Tensors): void {
  if (tensors.has('nbits')) tensors.expect('nbits', ['int32', 'int64', 'float32'], [])
  for (const key of FLAG_KEYS) if (tensors.has(key)) tensors.expect(key, ['uint8', 'bool'], [])
}

/** Texts that the reference would run as programs; here they must be what the tensors are. */
async function checkTexts(tensors: Tensors, { packing, parameterDtype }: HqqLayout): Promise<void> {
  if (tensors.has('unpack_view_dtype')) {
    tensors.agree('unpack_view_dtype', await tensors.text('unpack_view_dtype'), torchName(packing.word))
  }
  if (!tensors.has('compute_dtype')) return
  const text = await tensors.text('compute_dtype')
  const known = VIEWS.map(torchName)
  // Models are also saved in another precision than they compute in: any float dtype is as good as that of the scales.
  if (!known.includes(text))
    throw tensors.mismatch('compute_dtype', {
      ...{ found: JSON.stringify(text), expected: torchName(parameterDtype) },
    })
}

/** Every tensor of ours, as the file has it. */
function componentsOf(tensors: Tensors): readonly Component[] {
  const keys = ['W_q', 'scale', 'zero', 'zero_scale', ...FACT_KEYS]
  return keys.filter(tensors.has).map((key) => tensors.component(key, 'whole'))
}
