import {
  describePart,
  isFloatDtype,
  type QuantizedFormat,
  type Skip,
  type StoredWeight,
  skip,
  storedTensors,
  type WeightInfo,
} from '@hfquant/core'
import type { Float8Dtype } from '@hfquant/kernels'
import { float8Format } from './float8-format.js'
import { type Float8Layout, isScaleDtype, readScales, SCALE_DTYPES, SCALE_KEYS, WEIGHT } from './layout.js'

/** What a configuration says about weights. */
interface Promised {
  readonly codeDtype: Float8Dtype
  /** null for scales of rows or of whole weights. */
  readonly block: readonly [number, number] | null
}

/**
 * The format of a stored weight; a module with a float weight stays as it is.
 *
 * @throws CheckpointError TENSOR_MISSING for a scale, TENSOR_MISMATCH, TENSOR_NOT_FINITE or SCALE_INVALID for scales.
 */
export async function storedFormat(
  weight: WeightInfo,
  stored: StoredWeight,
  { codeDtype, block: promised }: Promised,
): Promise<QuantizedFormat | Skip> {
  const tensors = storedTensors(weight, stored)
  const scaleKey = SCALE_KEYS.find((key) => tensors.has(key))
  if (scaleKey === undefined && isFloatDtype(tensors.part(WEIGHT).dtype)) return skip('is stored in float')
  tensors.expect(WEIGHT, [codeDtype], [weight.outFeatures, weight.inFeatures], SETTINGS_HINT)
  const scales = tensors.part(scaleKey ?? SCALE_KEYS[0])
  const block = blockOf(scales.shape, weight, promised)
  if (block === undefined || !isScaleDtype(scales.dtype)) {
    const problem = { found: describePart(scales), expected: expectedScales(weight, promised) }
    throw tensors.mismatch(scales.key, { ...problem, hint: SETTINGS_HINT })
  }
  if (!tensors.trusted) {
    const values = readScales(await tensors.read(scales.key), scales.dtype)
    const at = values.findIndex((value) => !(value > 0 && Number.isFinite(value)))
    if (at >= 0) {
      const found = values[at]!
      const code = Number.isFinite(found) ? 'SCALE_INVALID' : 'TENSOR_NOT_FINITE'
      throw tensors.damaged(code, scales.key, { found, at, expected: 'finite scales above 0' })
    }
  }
  const layout: Float8Layout = {
    ...{ codeDtype, block, scaleKey: scales.key, scaleDtype: scales.dtype },
    components: tensors.keys.map((key) => tensors.component(key, key === WEIGHT ? 'rows' : 'whole')),
  }
  return float8Format(layout, weight)
}

const SETTINGS_HINT =
  'weight_block_size or fmt of config.json do not belong to these weights; take both from the same revision.'

/** Rows and columns that share a scale: the shape of the scales decides. */
function blockOf(
  shape: readonly number[],
  weight: WeightInfo,
  promised: readonly [number, number] | null,
): readonly [number, number] | undefined {
  const { outFeatures, inFeatures } = weight
  if (promised !== null && `${shape}` === `${gridOf(weight, promised)}`) return promised
  if (shape.length === 0 || `${shape}` === '1') return [Number.POSITIVE_INFINITY, inFeatures]
  return `${shape}` === `${[outFeatures, 1]}` || `${shape}` === `${outFeatures}` ? [1, inFeatures] : undefined
}

const gridOf = ({ outFeatures, inFeatures }: WeightInfo, [rows, columns]: readonly [number, number]) => [
  Math.ceil(outFeatures / rows),
  Math.ceil(inFeatures / columns),
]

function expectedScales(weight: WeightInfo, block: readonly [number, number] | null): string {
  const shape =
    block === null ? `[], [1] or [${weight.outFeatures}, 1]` : `[${gridOf(weight, block).join(', ')}]`
  return `${SCALE_DTYPES.join(', ')} ${shape}`
}
