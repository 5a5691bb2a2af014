import {
  describePart,
  type FloatDtype,
  type QuantizedFormat,
  type StoredTensors,
  type StoredWeight,
  storedTensors,
  type WeightInfo,
} from '@hfquant/core'
import { FLOAT_DTYPES } from '@hfquant/kernels'
import { awqFormat } from './awq-format.js'
import { type GroupValues, readGroupValues, readGroupZeros } from './group-values.js'
import { integerForm } from './integer-form.js'
import {
  ACT_SCALES,
  ARRANGEMENTS,
  type Arrangement,
  type AwqLayout,
  CODES_IN_WORD,
  type ExpectedPart,
  expectedParts,
  MIDDLE,
} from './layout.js'
import { FAST_COLUMNS } from './unpack-codes.js'

/** What the configuration says about a stored weight. */
interface Promised {
  readonly arrangement: Arrangement
  /** -1: one group. */
  readonly groupSize: number
  readonly zeroPoint: boolean
}

/**
 * The format of a stored weight. Its tensors decide how it is arranged, whatever the config says.
 *
 * @throws CheckpointError TENSOR_MISSING, TENSOR_MISMATCH naming what the config expects, TENSOR_NOT_FINITE.
 */
export async function storedFormat(
  weight: WeightInfo,
  promised: Promised,
  stored: StoredWeight,
): Promise<QuantizedFormat> {
  const tensors = storedTensors(weight, stored)
  const groupSize = promised.groupSize === -1 ? weight.inFeatures : promised.groupSize
  refuseOddSizes(weight, groupSize, tensors)
  const zeroKey = zeroKeyOf(tensors, promised.zeroPoint)
  const partsOf = (arrangement: Arrangement): readonly ExpectedPart[] => {
    const { codes, scales, zeros } = expectedParts(arrangement, weight, groupSize)
    return [codes, scales, ...(zeroKey === undefined ? [] : [{ ...zeros, key: zeroKey }])]
  }
  const order = [promised.arrangement, ...ARRANGEMENTS]
  const found = order.find((each) => partsOf(each).every((part) => fits(tensors, part)))
  const arrangement = found ?? promised.arrangement
  for (const { key, dtypes, shape } of partsOf(arrangement)) tensors.expect(key, dtypes, shape, HINT)
  if (arrangement === 'gemv_fast' && weight.inFeatures % FAST_COLUMNS !== 0) {
    throw tensors.mismatch('qweight', {
      found: `${describePart(tensors.part('qweight'))} for ${weight.inFeatures} input features`,
      expected: `a multiple of ${FAST_COLUMNS} input features, which lie together`,
    })
  }
  const scaleDtype = tensors.part('scales').dtype as FloatDtype
  const layout: AwqLayout = {
    ...{ arrangement, groupSize, scaleDtype, zeroKey },
    ...{ symmetric: zeroKey === undefined, hasFractions: false },
    actScaleDtype: await readActScaleDtype(weight, tensors),
  }
  const seen = stored.trusted ? layout : { ...layout, ...(await lookAtGroups(weight, layout, tensors)) }
  const format = awqFormat({
    layout: seen,
    components: tensors.keys.map((key) => tensors.component(key, 'whole')),
    warnings:
      arrangement === promised.arrangement
        ? []
        : [
            `tensors are arranged as "${arrangement}", although the config says "${promised.arrangement}"; read as "${arrangement}"`,
          ],
  })
  return { ...format, integers: integerForm(seen, tensors.keys) }
}

/**
 * Scales that are all 1, as they are where AWQ found nothing to scale, are kept and not computed with.
 *
 * @throws CheckpointError TENSOR_MISMATCH, TENSOR_NOT_FINITE, SCALE_INVALID for 0.
 */
async function readActScaleDtype(
  { inFeatures }: WeightInfo,
  tensors: StoredTensors,
): Promise<FloatDtype | undefined> {
  if (!tensors.has(ACT_SCALES)) return undefined
  tensors.expect(ACT_SCALES, FLOAT_DTYPES, [inFeatures])
  const dtype = tensors.part(ACT_SCALES).dtype as FloatDtype
  if (tensors.trusted) return dtype
  const scales = await tensors.finite(ACT_SCALES)
  const at = scales.indexOf(0)
  if (at >= 0) throw tensors.damaged('SCALE_INVALID', ACT_SCALES, { found: 0, at, expected: 'no scale of 0' })
  return scales.every((scale) => scale === 1) ? undefined : dtype
}

const HINT =
  'version or group_size of the config do not belong to this file; take both from the same revision.'

function refuseOddSizes(
  { outFeatures, inFeatures }: WeightInfo,
  groupSize: number,
  tensors: StoredTensors,
): void {
  if (outFeatures % CODES_IN_WORD !== 0) {
    throw tensors.mismatch('qweight', {
      found: `${describePart(tensors.part('qweight'))} for ${outFeatures} output features`,
      expected: `a multiple of ${CODES_IN_WORD} output features`,
    })
  }
  if (inFeatures % groupSize !== 0) {
    throw tensors.mismatch('scales', {
      found: `${describePart(tensors.part('scales'))} for ${inFeatures} input features`,
      expected: `groups of ${groupSize}, the group_size of the config, which does not divide them`,
      hint: HINT,
    })
  }
}

/** @throws CheckpointError TENSOR_MISSING where the config promises zero points and there are none. */
function zeroKeyOf(tensors: StoredTensors, isPromised: boolean): AwqLayout['zeroKey'] {
  if (tensors.has('scaled_zeros')) return 'scaled_zeros'
  if (isPromised) tensors.part('qzeros')
  return tensors.has('qzeros') ? 'qzeros' : undefined
}

const fits = (tensors: StoredTensors, { key, dtypes, shape }: ExpectedPart): boolean => {
  const part = tensors.find(key)
  return part !== undefined && dtypes.some((dtype) => dtype === part.dtype) && `${part.shape}` === `${shape}`
}

/** What the product of blocks has to know of zero points, and that all scales are numbers. */
async function lookAtGroups(
  weight: WeightInfo,
  layout: AwqLayout,
  tensors: StoredTensors,
): Promise<Pick<AwqLayout, 'symmetric' | 'hasFractions'>> {
  const finite = async (key: string) => new Uint8Array((await tensors.finite(key)).buffer)
  // A scale may be 0 or negative; NaN and infinity would poison whole rows.
  const scales = await finite('scales')
  const { zeroKey, arrangement } = layout
  if (zeroKey === undefined) return { symmetric: true, hasFractions: false }
  const zeros = arrangement === 'gemv_fast' ? await finite(zeroKey) : await tensors.read(zeroKey)
  const rows = { first: 0, count: weight.outFeatures }
  const widened: AwqLayout = { ...layout, scaleDtype: 'float32' }
  const parts = [(key: string) => (key === zeroKey ? zeros : scales), widened, weight, rows] as const
  const isMiddle = (zero: number) => zero === MIDDLE
  if (arrangement !== 'gemv_fast')
    return { symmetric: readGroupZeros(...parts).every(isMiddle), hasFractions: false }
  const values = readGroupValues(...parts)
  return { symmetric: values.zeros.every(isMiddle), hasFractions: hasFractions(values) }
}

/** Steps of a scale that a shift may be away from a zero point; rounding it to float16 makes it 0.0074 at most. */
const TOLERANCE = 0.02

function hasFractions({ scales, zeros, shifts }: GroupValues): boolean {
  return (
    shifts?.some(
      (shift, at) => Math.abs(shift + zeros[at]! * scales[at]!) > TOLERANCE * Math.abs(scales[at]!),
    ) ?? false
  )
}
